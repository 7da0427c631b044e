import type { Topic } from '../topic.ts'
import { failures } from './deposits/failures.ts'
import { gas } from './forks/gas.ts'
import { off } from './forks/off.ts'
import { opcodes } from './forks/opcodes.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [failures, opcodes, gas, off]

import type { Topic } from '../topic.ts'
import { failures } from './deposits/failures.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [failures]

import type { Topic } from '../topic.ts'
import { accounts } from './deposits/accounts.ts'
import { blocks } from './deposits/blocks.ts'
import { creation } from './deposits/creation.ts'
import { encoding } from './deposits/encoding.ts'
import { environment } from './deposits/environment.ts'
import { failures } from './deposits/failures.ts'
import { gas } from './deposits/gas.ts'
import { system } from './deposits/system.ts'
import { value } from './deposits/value.ts'
import { fastlz } from './fees/fastlz.ts'
import { l1 } from './fees/l1.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [
  encoding,
  value,
  creation,
  environment,
  accounts,
  failures,
  gas,
  system,
  blocks,
  l1,
  fastlz,
]

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
import { disputedTopics } from './disputed/index.ts'
import { engineTopics } from './engine/index.ts'
import { attributes } from './fees/attributes.ts'
import { balance } from './fees/balance.ts'
import { fastlz } from './fees/fastlz.ts'
import { footprint } from './fees/footprint.ts'
import { l1 } from './fees/l1.ts'
import { operator } from './fees/operator.ts'
import { forkTopics } from './forks/index.ts'
import { headerTopics } from './header/index.ts'
import { limits } from './precompiles/limits.ts'
import { modexp } from './precompiles/modexp.ts'
import { others } from './precompiles/others.ts'
import { p256Verify } from './precompiles/p256.ts'
import { receipts } from './receipts/receipts.ts'
import { encoding as transactionEncoding } from './transactions/encoding.ts'
import { rejections } from './transactions/rejections.ts'
import { setCodes } from './transactions/setCode.ts'
import { systemTopics } from './system/index.ts'
import { transitionTopics } from './transitions/index.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [
  ...forkTopics,
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
  operator,
  balance,
  attributes,
  footprint,
  p256Verify,
  limits,
  modexp,
  others,
  receipts,
  transactionEncoding,
  rejections,
  setCodes,
  ...headerTopics,
  ...systemTopics,
  ...transitionTopics,
  ...engineTopics,
  ...disputedTopics,
]

import type { Topic } from '../topic.ts'
import { failures } from './deposits/failures.ts'
import { attributes } from './engine/attributes.ts'
import { forkchoice } from './engine/forkchoice.ts'
import { payloads } from './engine/payloads.ts'
import { versions } from './engine/versions.ts'
import { gas } from './forks/gas.ts'
import { off } from './forks/off.ts'
import { opcodes } from './forks/opcodes.ts'
import { types } from './forks/types.ts'
import { baseFee } from './header/baseFee.ts'
import { extraData } from './header/extraData.ts'
import { fields } from './header/fields.ts'
import { gasLimit } from './header/gasLimit.ts'
import { contracts } from './system/contracts.ts'
import { create2deployer } from './system/create2deployer.ts'
import { transitions } from './transitions/forks.ts'
import { transitionRules } from './transitions/rules.ts'
import { upgrades } from './transitions/upgrades.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [
  failures,
  opcodes,
  gas,
  off,
  types,
  baseFee,
  extraData,
  fields,
  gasLimit,
  create2deployer,
  contracts,
  transitions,
  transitionRules,
  upgrades,
  attributes,
  versions,
  forkchoice,
  payloads,
]

import type { Topic } from '../../topic.ts'
import { baseFee } from './baseFee.ts'
import { extraData } from './extraData.ts'
import { fields } from './fields.ts'
import { gasLimit } from './gasLimit.ts'

/** Headers. */
export const headerTopics: Topic[] = [baseFee, extraData, fields, gasLimit]

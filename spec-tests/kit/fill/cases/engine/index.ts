import type { Topic } from '../../topic.ts'
import { attributes } from './attributes.ts'
import { forkchoice } from './forkchoice.ts'
import { payloads } from './payloads.ts'
import { versions } from './versions.ts'

/** The Engine API. */
export const engineTopics: Topic[] = [attributes, versions, forkchoice, payloads]

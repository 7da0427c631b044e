import type { Topic } from '../topic.ts'
import { failures } from './deposits/failures.ts'
import { engineTopics } from './engine/index.ts'
import { forkTopics } from './forks/index.ts'
import { headerTopics } from './header/index.ts'
import { systemTopics } from './system/index.ts'
import { transitionTopics } from './transitions/index.ts'

/** All files of vectors, in the order of RULES.md. */
export const TOPICS: Topic[] = [
  failures,
  ...forkTopics,
  ...headerTopics,
  ...systemTopics,
  ...transitionTopics,
  ...engineTopics,
]

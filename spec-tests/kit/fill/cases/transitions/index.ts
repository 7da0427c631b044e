import type { Topic } from '../../topic.ts'
import { transitions } from './forks.ts'
import { transitionRules } from './rules.ts'
import { upgrades } from './upgrades.ts'

/** The first blocks of forks. */
export const transitionTopics: Topic[] = [transitions, transitionRules, upgrades]

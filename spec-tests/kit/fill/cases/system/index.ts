import type { Topic } from '../../topic.ts'
import { contracts } from './contracts.ts'
import { create2deployer } from './create2deployer.ts'

/** What happens before the first transaction. */
export const systemTopics: Topic[] = [create2deployer, contracts]

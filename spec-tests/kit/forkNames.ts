/** Forks in their order, as they are called in a genesis file. */
export const FORK_NAMES = [
  'bedrock',
  'regolith',
  'canyon',
  'delta',
  'ecotone',
  'fjord',
  'granite',
  'holocene',
  'isthmus',
  'jovian',
  'karst',
]

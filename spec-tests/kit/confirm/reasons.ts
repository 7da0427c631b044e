/** Why some rules are shown by no test, or by no vector. */

/** A reason by the id of a rule. */
export type Reasons = Record<string, string>

/** Rules that neither a test nor a vector cites. */
export const UNCITED: Reasons = {
  'B-12': 'op-geth crashes there; the header always has the field',
  'E-47': 'engine_signalSuperchainV1: op-node no longer calls it',
  'I-09': 'a bundle that the consensus client sends; no data of it at hand',
  'J-08': 'debug_executePayload: no witnesses are made yet',
  'J-12': 'rollup RPC, which op-node answers',
  'J-13': 'its programs need J-08',
  'J-14': 'no peers',
  'J-16': 'builders',
  'J-18': 'conditional transactions: off by default in op-geth',
  'J-23': 'there is no history before Bedrock',
  'J-24': 'eth_config: no caller in the OP Stack',
  'J-25': 'draft',
  'J-26': 'says what op-node does not call',
}

/** Rules of consensus that no vector shows. */
export const WITHOUT_VECTOR: Reasons = {
  'H-16': 'a block above 8 MiB is 16 MB of hex, more than all vectors together',
  'H-26': 'payloads of the Engine API have no difficulty',
  'X-17': 'a block that shows it is larger than all vectors together, see H-16',
}

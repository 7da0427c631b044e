/** What contracts in the genesis of the local chain are called, by their addresses in lower case. */
export const CONTRACT_NAMES: Record<string, string> = {
  '0x420000000000000000000000000000000000000f': 'GasPriceOracle',
  '0x4200000000000000000000000000000000000011': 'SequencerFeeVault',
  '0x4200000000000000000000000000000000000015': 'L1Block',
  '0x4200000000000000000000000000000000000016': 'L2ToL1MessagePasser',
  '0x4200000000000000000000000000000000000019': 'BaseFeeVault',
  '0x420000000000000000000000000000000000001a': 'L1FeeVault',
  '0x420000000000000000000000000000000000001b': 'OperatorFeeVault',
  '0x000f3df6d732807ef1319fb7b8bb8522d0beac02': 'beacon roots (EIP-4788)',
  '0x0000f90827f1c53a10cb7a02335b175320002935': 'block hashes (EIP-2935)',
  '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2': 'Create2Deployer',
  '0x4e59b44847b379578588920ca78fbf26c0b4956c': 'deterministic deployment proxy',
  '0xca11bde05977b3631167028862be2a173976ca11': 'Multicall3',
}

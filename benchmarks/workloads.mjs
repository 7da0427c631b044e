/** Workloads that any Ethereum client can run: accounts, contracts and signed transactions. */
import { Common, Hoodi } from '@ethereumjs/common'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import { bigIntToBytes, bytesToHex, concatBytes, setLengthLeft } from '@ethereumjs/util'
import { createAddressFromPrivateKey } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'

const word = (value) => setLengthLeft(bigIntToBytes(BigInt(value)), 32)
const hexWord = (value) => bytesToHex(word(value))

// biome-ignore format: one line a group
const OPCODES = {
  STOP: 0x00, ADD: 0x01, MUL: 0x02, SUB: 0x03, DIV: 0x04, MOD: 0x06, LT: 0x10, EQ: 0x14,
  XOR: 0x18, SHR: 0x1c, KECCAK256: 0x20, CALLER: 0x33, CALLDATALOAD: 0x35, CALLDATASIZE: 0x36,
  CALLDATACOPY: 0x37, POP: 0x50, MSTORE: 0x52, SLOAD: 0x54, SSTORE: 0x55, JUMPI: 0x57, GAS: 0x5a,
  DUP1: 0x80, DUP2: 0x81, DUP3: 0x82, SWAP1: 0x90, SWAP2: 0x91, LOG3: 0xa3,
  RETURN: 0xf3, STATICCALL: 0xfa, REVERT: 0xfd,
}

/** Bytecode of a program: `name:` is a jump destination, `@name` pushes it, numbers are pushed. */
function assemble(source) {
  const [bytes, labels, uses] = [[], {}, []]
  for (const token of source.split(/\s+/).filter(Boolean)) {
    if (token.endsWith(':')) {
      labels[token.slice(0, -1)] = bytes.push(0x5b) - 1
    } else if (token.startsWith('@')) {
      uses.push([bytes.push(0x61, 0, 0) - 1, token.slice(1)])
    } else if (token in OPCODES) {
      bytes.push(OPCODES[token])
    } else {
      const number = bigIntToBytes(BigInt(token))
      bytes.push(0x5f + number.length, ...number)
    }
  }
  for (const [at, label] of uses) bytes[at] = labels[label]
  return bytesToHex(Uint8Array.from(bytes))
}

/** Repeats `body`, which finds the number of rounds left on the stack and leaves only that. */
const loop = (body) => assemble(`0 CALLDATALOAD again: ${body} 1 SWAP1 SUB DUP1 @again JUMPI STOP`)

const PRIME = 2n ** 255n - 19n
const TRANSFERRED = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const CONTRACTS = {
  arithmetic: loop(
    `DUP1 ${2n ** 200n + 7n} MUL DUP2 ADD ${PRIME} SWAP1 MOD 7 SWAP1 DIV DUP2 XOR POP`,
  ),
  keccak: loop('256 0 KECCAK256 0 MSTORE'),
  storage: loop('DUP1 DUP1 SSTORE'),
  pairing: assemble(`
    32 CALLDATASIZE SUB 32 0 CALLDATACOPY 0 CALLDATALOAD
    again: 32 512 384 0 8 GAS STATICCALL POP 1 SWAP1 SUB DUP1 @again JUMPI STOP`),
  // Balances are in the mapping at slot 0, as a Solidity compiler lays them out.
  erc20: assemble(`
    0 CALLDATALOAD 224 SHR 0xa9059cbb EQ @transfer JUMPI fail: 0 0 REVERT
    transfer: CALLER 0 MSTORE 64 0 KECCAK256 DUP1 SLOAD 36 CALLDATALOAD
    DUP1 DUP3 LT @fail JUMPI DUP1 SWAP2 SUB SWAP1 SWAP2 SSTORE
    4 CALLDATALOAD 0 MSTORE 64 0 KECCAK256 DUP1 SLOAD DUP3 ADD SWAP1 SSTORE
    0 MSTORE 4 CALLDATALOAD CALLER ${TRANSFERRED} 32 0 LOG3 1 0 MSTORE 32 0 RETURN`),
}

const contractAddress = (name) => `0x${Buffer.from(name).toString('hex').padStart(40, 'c')}`

/** A chain on which the workloads are block 1: Holocene, thus Cancun. */
export const workloadChain = {
  gasLimit: 200_000_000n,
  baseFeePerGas: 1_000_000_000n,
  config: {
    ...{ chainId: 901, bedrockBlock: 0, regolithTime: 0, canyonTime: 0, ecotoneTime: 0 },
    ...{ fjordTime: 0, graniteTime: 0, holoceneTime: 0 },
    optimism: { eip1559Elasticity: 6, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
  },
  parentOf: (stateRoot, number = 0n) => ({
    ...{ number, timestamp: 0n, stateRoot, gasLimit: workloadChain.gasLimit },
    ...{ baseFeePerGas: workloadChain.baseFeePerGas, extraData: '0x00000000fa00000006' },
  }),
  attributesOf: (transactions, timestamp = 2n) => ({
    ...{ timestamp, gasLimit: workloadChain.gasLimit, transactions },
    ...{ prevRandao: new Uint8Array(32), parentBeaconBlockRoot: new Uint8Array(32) },
    ...{ suggestedFeeRecipient: `0x${'fe'.repeat(20)}`, eip1559Params: new Uint8Array(8) },
  }),
}

const common = new Common({ chain: { ...Hoodi, chainId: 901 }, hardfork: 'cancun' })
const SENDERS = Array.from({ length: 50 }, (_, index) => {
  const key = word(index + 1)
  return { key, address: createAddressFromPrivateKey(key) }
})

/** Raw transaction number `index`: the senders take turns. */
export function sign(index, fields) {
  const { key } = SENDERS[index % SENDERS.length]
  const nonce = Math.floor(index / SENDERS.length)
  const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 6n }
  const tx = createFeeMarket1559Tx({ chainId: 901, nonce, ...fees, ...fields }, { common })
  return bytesToHex(tx.sign(key).serialize())
}

const balanceSlot = (address) => bytesToHex(keccak_256(concatBytes(word(address), word(0))))

/** The accounts of all workloads. */
export const ALLOC = {
  ...Object.fromEntries(
    SENDERS.map(({ address }) => [`${address}`, { balance: `0x${(10n ** 24n).toString(16)}` }]),
  ),
  ...Object.fromEntries(
    Object.entries(CONTRACTS).map(([name, code]) => [
      contractAddress(name),
      { balance: '0x0', code },
    ]),
  ),
}
ALLOC[contractAddress('erc20')].storage = Object.fromEntries(
  SENDERS.map(({ address }) => [balanceSlot(`${address}`), hexWord(10n ** 18n)]),
)

/** Address number `index` of those that have nothing yet. */
export const recipient = (index) =>
  bytesToHex(setLengthLeft(bigIntToBytes(BigInt(index) + 2n ** 100n), 20))

export const transfer = (index) =>
  sign(index, { to: recipient(index), value: 1n, gasLimit: 21_000n })

export const erc20Transfer = (index) => {
  const data = `0xa9059cbb${hexWord(recipient(index)).slice(2)}${hexWord(1).slice(2)}`
  return sign(index, { to: contractAddress('erc20'), data, gasLimit: 100_000n })
}

/** A call that repeats what the contract does; `input` follows the number of rounds. */
export const call = (index, name, rounds, gasLimit, input = '') =>
  sign(index, { to: contractAddress(name), data: hexWord(rounds) + input, gasLimit })

/** Two pairs of points, P with Q and -P with Q, so that the product of the pairings is 1. */
const G2 = [
  '198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2',
  '1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed',
  '090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b',
  '12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa',
].join('')
const FIELD = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n
const PAIRS = [2n, FIELD - 2n].map((y) => hexWord(1).slice(2) + hexWord(y).slice(2) + G2).join('')

const many = (count, make) => Array.from({ length: count }, (_, index) => make(index))
const once = (make) => {
  let made
  return () => {
    made ??= { alloc: ALLOC, transactions: make() }
    return made
  }
}

/** Accounts and raw transactions of each workload, signed when first asked for. */
export const WORKLOADS = {
  '500 transfers': once(() => many(500, transfer)),
  '200 ERC-20 transfers': once(() => many(200, erc20Transfer)),
  'arithmetic loop': once(() => [call(0, 'arithmetic', 130_000, 20_000_000n)]),
  'keccak loop': once(() => [call(0, 'keccak', 80_000, 20_000_000n)]),
  'storage writes': once(() => [call(0, 'storage', 300, 20_000_000n)]),
  'bn254 pairings': once(() => [call(0, 'pairing', 40, 20_000_000n, PAIRS)]),
}

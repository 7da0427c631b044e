/** What benchmarks share that play op-node: the L1 attributes, those of payloads, tokens. */
import { createHmac } from 'node:crypto'
import { bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util'
import { encodeDeposit, sourceHash } from '../dist/src/index.js'

/** A number in hex digits, of so many bytes. */
export const uint = (value, width) =>
  BigInt(value)
    .toString(16)
    .padStart(2 * width, '0')

/** An L1 attributes deposit for Jovian, without fees that matter. */
function l1Attributes(number, daFootprintGasScalar) {
  const hash = uint(number, 32)
  const fees = uint(5227, 4) + uint(1_014_213, 4) + uint(0, 8) + uint(number, 8) + uint(number, 8)
  const rest = uint(10 ** 9, 32) + uint(1, 32) + hash + uint(0, 44) + uint(daFootprintGasScalar, 2)
  const tx = {
    sourceHash: sourceHash(1, hexToBytes(`0x${hash}${uint(0, 32)}`)),
    from: createAddressFromString('0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'),
    to: createAddressFromString('0x4200000000000000000000000000000000000015'),
    ...{ mint: 0n, value: 0n, gas: 1_000_000n, isSystemTx: false },
    data: hexToBytes(`0x3db6be2b${fees}${rest}`),
  }
  return bytesToHex(encodeDeposit(tx))
}

/**
 * Attributes of a payload: the L1 attributes deposit and these transactions, two seconds after the block
 * before.
 *
 * @param number - of the block
 */
export function createAttributes(genesis, number, transactions, { scalar = 400, ...changes } = {}) {
  return {
    timestamp: `0x${(Number(genesis.timestamp) + 2 * number).toString(16)}`,
    prevRandao: `0x${uint(number, 32)}`,
    suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
    withdrawals: [],
    parentBeaconBlockRoot: `0x${uint(number, 32)}`,
    transactions: [l1Attributes(number, scalar), ...transactions],
    noTxPool: true,
    gasLimit: '0x3938700',
    eip1559Params: '0x0000000000000000',
    minBaseFee: 0,
    ...changes,
  }
}

/** A token for the Engine API, fresh for a minute. */
export function createToken(secret) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg: 'HS256' })}.${encode({ iat: Math.floor(Date.now() / 1000) })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

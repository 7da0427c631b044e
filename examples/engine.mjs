// node examples/engine.mjs: the Engine API in memory, without HTTP; builds a block and prints its hash.
import { readFileSync } from 'node:fs'
import { bytesToHex, createAddressFromString } from '@ethereumjs/util'
import { createEngine, encodeDeposit } from 'ethereumjs-op'
import { createBackend } from 'ethereumjs-op/blockchain'

const genesis = JSON.parse(readFileSync(new URL('genesis.json', import.meta.url)))
const backend = await createBackend({ genesis })
const engine = createEngine(backend)

// What op-node asks for: a block that begins with a deposit, here of 1 ether.
const account = createAddressFromString('0x00000000000000000000000000000000000000aa')
const ether = { from: account, to: account, mint: 10n ** 18n, value: 0n, gas: 21_000n }
const other = { sourceHash: new Uint8Array(32), isSystemTx: false, data: new Uint8Array() }
const attributes = {
  timestamp: `0x${(Number(genesis.timestamp) + 2).toString(16)}`,
  prevRandao: `0x${'00'.repeat(32)}`,
  suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
  withdrawals: [],
  parentBeaconBlockRoot: `0x${'00'.repeat(32)}`,
  transactions: [bytesToHex(encodeDeposit({ ...ether, ...other }))],
  noTxPool: true,
  gasLimit: genesis.gasLimit,
  eip1559Params: '0x0000000000000000',
  minBaseFee: '0x0',
}

const { head } = await backend.getForkchoice()
const at = (hash) => ({ headBlockHash: hash, safeBlockHash: head, finalizedBlockHash: head })
const { payloadId } = await engine.engine_forkchoiceUpdatedV3(at(head), attributes)
const { executionPayload, parentBeaconBlockRoot } = await engine.engine_getPayloadV5(payloadId)
await engine.engine_newPayloadV4(executionPayload, [], parentBeaconBlockRoot, [])
await engine.engine_forkchoiceUpdatedV3(at(executionPayload.blockHash))
const header = await backend.blockchain.getCanonicalHeadHeader()
console.log(`block ${header.number} ${bytesToHex(header.hash())}`)

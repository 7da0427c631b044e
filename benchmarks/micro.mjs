/** What the single steps of an OP block cost, in a worker. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { createTxFromRLP } from '@ethereumjs/tx'
import { hexToBytes } from '@ethereumjs/util'
import { createCrypto } from '../dist/crypto/index.js'
import * as project from '../dist/src/index.js'
import { median, now, sum } from './common.mjs'

/** Microseconds that `run` takes for one of `count` things: the median of rounds of 100 ms. */
async function microseconds(count, run) {
  const rounds = []
  // The first round warms up.
  for (let round = 0; round < 6; round++) {
    const start = now()
    let times = 0
    while (now() - start < 100) {
      const pending = run()
      if (pending) await pending
      times++
    }
    rounds.push(((now() - start) * 1000) / times / count)
  }
  return median(rounds.slice(1))
}

/** Measures each step on the transactions of a real block, in microseconds. */
export async function measureSteps(path) {
  const file = JSON.parse(gunzipSync(readFileSync(path)))
  const raws = file.payloadAttributes.transactions.map((raw) => hexToBytes(raw))
  const [deposits, signed] = [
    raws.filter(([type]) => type === 0x7e),
    raws.filter(([type]) => type !== 0x7e),
  ]
  const bytes = sum(signed.map((raw) => raw.length))
  const position = { number: 2n ** 40n, timestamp: BigInt(file.payloadAttributes.timestamp) }
  const chains = {}
  for (const [name, customCrypto] of [
    ['fast', await createCrypto()],
    ['default', {}],
  ]) {
    chains[name] = project.createChain(file.config, { customCrypto }).rules(position)
  }
  const { common } = chains.fast
  const fees = { l1GasPrice: 10n ** 10n, l1BlobBaseFee: 1n, scalars: 1n << 96n, operator: 0n }
  const zeros = new Uint8Array(100_000)
  let seed = 1
  const random = zeros.map(() => {
    seed = Math.imul(seed, 1103515245) + 12345
    return seed >>> 16
  })
  const topic = new Uint8Array(32).fill(1)
  const log = [new Uint8Array(20), [topic, topic, topic], topic]
  const receipts = Array.from({ length: 200 }, (_, index) => ({
    ...{ type: 2, status: 1, cumulativeGasUsed: BigInt(index) * 50_000n, logs: [log, log] },
    logsBloom: new Uint8Array(256),
  }))
  const recover = (rules) => () => {
    for (const raw of signed) createTxFromRLP(raw, { common: rules.common }).getSenderAddress()
  }
  const step = (name, unit, value) => ({ name, unit, microseconds: value })
  const perByte = (name, data, length) =>
    microseconds(length, () => data.forEach(project.flzCompressLen)).then((value) =>
      step(`FastLZ length of ${name}`, 'byte', value),
    )
  return [
    await perByte('real transactions', signed, bytes),
    await perByte('zeros', [zeros], zeros.length),
    await perByte('noise', [random], random.length),
    step(
      `L1 fee of a real transaction of ${Math.round(bytes / signed.length)} bytes`,
      'transaction',
      await microseconds(signed.length, () => {
        for (const raw of signed) project.l1Fees(fees, chains.fast, raw)
      }),
    ),
    step(
      'decoding a deposit',
      'deposit',
      await microseconds(deposits.length, () => deposits.forEach(project.decodeDeposit)),
    ),
    step(
      'receipts root of 200 receipts with 2 logs',
      'receipt',
      await microseconds(receipts.length, async () => {
        const trie = new MerklePatriciaTrie({ common })
        for (const [index, receipt] of receipts.entries()) {
          await trie.put(RLP.encode(index), project.encodeReceipt(receipt))
        }
      }),
    ),
    step(
      'sender, with decoding',
      'transaction',
      await microseconds(signed.length, recover(chains.fast)),
    ),
    step(
      'sender, with decoding, default cryptography',
      'transaction',
      await microseconds(signed.length, recover(chains.default)),
    ),
  ]
}

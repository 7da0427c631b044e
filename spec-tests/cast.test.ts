import { execFile, spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Hex, getContractAddress, pad } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { JSONValue } from './helpers.ts'
import {
  type Devnet,
  ACCOUNTS,
  BOX_BYTECODE,
  CHANGED,
  MESSAGE_PASSER,
  deposit,
  devGenesis,
  startDevnet,
  verifyProof,
} from './node-helpers-eth.ts'

// The program in node_modules/.bin is not used, because its exit status is always 0.
const ARCH = process.arch === 'x64' ? 'amd64' : process.arch
const CAST = `node_modules/@foundry-rs/cast-${process.platform}-${ARCH}/bin/cast`
const { status } = spawnSync(CAST, ['--version'])
const skip = status === 0 ? false : `cast does not run here: ${CAST}`

const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const ALICE = privateKeyToAccount(KEY)
const BOB = ACCOUNTS[1]

/** What cast does with a node, at either URL. */
async function checkCast(t: Test, toURL: (net: Devnet) => string) {
  const ws = { addr: '127.0.0.1', port: 0 }
  const net = await startDevnet(t, devGenesis(), undefined, { ws })
  await net.mine()
  /** Runs cast. @returns what it prints, without the line break at the end */
  const cast = (command: string, ...args: string[]) =>
    new Promise<string>((resolve, reject) => {
      const all = [command, '--rpc-url', toURL(net), ...args]
      execFile(CAST, all, { timeout: 20_000 }, (error, stdout, stderr) => {
        if (error) reject(new Error(stderr || error.message))
        else resolve(stdout.trimEnd())
      })
    })
  const castJSON = async (command: string, ...args: string[]): Promise<JSONValue> =>
    JSON.parse(await cast(command, '--json', ...args))

  /** Runs `cast send`, which waits for the receipt, and makes a block once the pool has it. */
  async function send(...args: string[]): Promise<JSONValue> {
    const nonce = await net.rpc('eth_getTransactionCount', ALICE.address, 'latest')
    const sending = castJSON('send', '--private-key', KEY, ...args)
    let isDone = false
    const done = () => {
      isDone = true
    }
    sending.then(done, done)
    while (!isDone) {
      await sleep(100)
      if (!isDone && (await net.mine()).transactions.length > 1) break
    }
    const receipt = await sending
    t.equal((await net.rpc('eth_getTransactionByHash', receipt.transactionHash)).nonce, nonce)
    return receipt
  }

  await t.test('send and receipt: a transfer of each type (J-17, J-22)', async (t) => {
    for (const [flags, type] of [
      [['--legacy'], '0x0'],
      [['--access-list', '[]', '--legacy'], '0x1'],
      [[], '0x2'],
      [['--auth', BOB.address, '--gas-limit', '60000'], '0x4'],
    ] as const) {
      const receipt = await send(BOB.address, '--value', '1', ...flags)
      t.equal(receipt.status, '0x1', type)
      t.equal(receipt.type, type)
      const again = await castJSON('receipt', receipt.transactionHash)
      t.strictSame(again.blockHash, receipt.blockHash)
      const raw = await net.rpc('eth_getTransactionReceipt', receipt.transactionHash)
      for (const name of ['l1Fee', 'l1GasPrice', 'gasUsed', 'effectiveGasPrice', 'blobGasUsed'])
        t.equal(again[name], raw[name], `${type} ${name}`)
    }
  })

  await t.test('send estimates the gas of access and authorization lists (J-19)', async (t) => {
    const accessList = JSON.stringify([{ address: BOB.address, storageKeys: [pad('0x1')] }])
    for (const [flags, gas] of [
      [['--access-list', accessList], 25_300],
      [['--auth', ACCOUNTS[3].address], 46_000],
    ] as const) {
      const receipt = await send(BOB.address, '--value', '1', ...flags)
      t.equal(receipt.status, '0x1')
      t.ok(Number(receipt.gasUsed) <= gas)
      const { gas: limit } = await net.rpc('eth_getTransactionByHash', receipt.transactionHash)
      t.ok(Number(limit) >= gas && Number(limit) < 1.1 * gas, `${Number(limit)}`)
    }
  })

  await t.test('block: with deposits, and by tag (J-02, J-03)', async (t) => {
    const mined = await net.mine({ transactions: [deposit(`0x${'aa'.repeat(20)}`, BOB.address)] })
    for (const id of ['latest', mined.hash, `${Number(mined.number)}`]) {
      const block = await castJSON('block', id)
      for (const name of ['hash', 'stateRoot', 'withdrawalsRoot', 'requestsHash', 'size', 'miner'])
        t.equal(block[name], mined[name], `${id} ${name}`)
    }
    const { transactions } = await castJSON('block', 'latest', '--full')
    t.strictSame(
      transactions.map(({ type }: JSONValue) => type),
      ['0x7e', '0x7e'],
    )
    t.equal(await cast('block', 'latest', '--field', 'number'), `${Number(mined.number)}`)
    t.equal(await cast('block-number'), `${Number(mined.number)}`)
    const hash = mined.transactions[1].hash
    const receipt = await castJSON('receipt', hash)
    t.equal(receipt.type, '0x7e')
    t.equal(receipt.depositNonce, '0x0')
    const tx = await castJSON('tx', hash)
    t.equal(tx.sourceHash, mined.transactions[1].sourceHash)
    t.equal(tx.type, '0x7e')
    t.match(await cast('tx', hash), /sourceHash|0x7e|126/)
  })

  await t.test('send --create, call, estimate, logs, storage, code, nonce (J-19)', async (t) => {
    const nonce = BigInt(await cast('nonce', ALICE.address))
    const created = await send('--create', BOX_BYTECODE)
    const box = created.contractAddress as Hex
    t.equal(box, getContractAddress({ from: ALICE.address, nonce }).toLowerCase())
    t.equal(await cast('nonce', ALICE.address), `${nonce + 1n}`)
    t.equal((await cast('code', box)).length, BOX_BYTECODE.length - 24)
    t.equal(await cast('codesize', box), `${(BOX_BYTECODE.length - 26) / 2}`)
    const from = ['--from', ALICE.address]
    const estimate = BigInt(await cast('estimate', box, 'set(uint256)', '7', ...from))
    const receipt = await send(box, 'set(uint256)', '7', '--gas-limit', `${estimate}`)
    t.equal(receipt.status, '0x1')
    t.ok(estimate <= (BigInt(receipt.gasUsed) * 103n) / 100n)
    t.equal(await cast('call', box, 'value()(uint256)'), '7')
    t.equal(await cast('storage', box, '0'), pad('0x7'))
    const before = `${Number(receipt.blockNumber) - 1}`
    t.equal(await cast('call', box, 'value()(uint256)', '--block', before), '0')
    t.equal(await cast('storage', box, '0', '--block', before), pad('0x0'))
    const signature = 'Changed(address indexed,uint256 indexed,uint256)'
    const range = ['--from-block', '0', '--to-block', 'latest']
    const logs = await castJSON('logs', ...range, '--address', box, signature)
    t.equal(logs.length, 1)
    t.strictSame(logs[0].topics, [CHANGED, pad(ALICE.address.toLowerCase() as Hex), pad('0x7')])
    t.equal(logs[0].transactionHash, receipt.transactionHash)
    const others = await castJSON('logs', ...range, '--address', box, signature, BOB.address)
    t.strictSame(others, [])
    await t.rejects(cast('call', box, 'fail(string)', 'no such luck'), /execution reverted/)
    await t.rejects(cast('estimate', box, 'refuse(uint256)', '5', ...from), /execution reverted/)
  })

  await t.test('proof: of an account and its storage, to the state root (J-06)', async (t) => {
    const slot = '0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103'
    const { stateRoot, withdrawalsRoot, number } = await net.rpc(
      'eth_getBlockByNumber',
      'latest',
      false,
    )
    for (const block of ['latest', `${Number(number)}`]) {
      const proof = await castJSON('proof', MESSAGE_PASSER, slot, '0', '--block', block)
      t.equal(proof.storageHash, withdrawalsRoot)
      t.equal(proof.storageProof.length, 2)
      await t.resolves(verifyProof(stateRoot, proof))
    }
    const absent = await castJSON('proof', `0x${'99'.repeat(20)}`, '0')
    t.equal(absent.balance, '0x0')
    await t.resolves(verifyProof(stateRoot, absent))
  })

  await t.test('gas-price, base-fee, balance, chain-id, client (J-01, J-19)', async (t) => {
    const { baseFeePerGas } = await net.rpc('eth_getBlockByNumber', 'latest', false)
    t.ok(BigInt(await cast('gas-price')) > 0n)
    t.equal(await cast('base-fee'), `${BigInt(baseFeePerGas)}`)
    const balance = BigInt(await net.rpc('eth_getBalance', BOB.address, 'latest'))
    t.equal(await cast('balance', BOB.address), `${balance}`)
    t.equal(await cast('balance', BOB.address, '--block', '0'), `${10n ** 22n}`)
    t.equal(await cast('chain-id'), '901')
    t.match(await cast('client'), /^ethereumjs-op/)
    t.equal(await cast('estimate', BOB.address, '--value', '1', '--from', ALICE.address), '21000')
    t.match(await cast('rpc', 'eth_syncing'), /false/)
  })

  await t.test('send says why a transaction is refused (J-17)', async (t) => {
    const to = [BOB.address, '--private-key', KEY]
    await t.rejects(cast('send', ...to, '--value', '1', '--nonce', '0'), /nonce too low/)
    await t.rejects(
      cast('send', ...to, '--value', '100000ether'),
      /insufficient funds|insufficient balance/,
    )
  })
}

t.test('cast works over HTTP', { skip }, (t) => checkCast(t, ({ url }) => url))
t.test('cast works over a WebSocket', { skip }, (t) =>
  checkCast(t, ({ ports }) => `ws://127.0.0.1:${ports.wsPort}`),
)

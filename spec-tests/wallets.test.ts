import { Contract, ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers'
import t from 'tap'
import { Web3 } from 'web3'
import {
  ACCOUNTS,
  BOX_BYTECODE,
  DEV_CHAIN_ID,
  devGenesis,
  startDevnet,
} from './node-helpers-eth.ts'

/** Private keys of the first two accounts of the local chain. */
const ALICE_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const BOB_KEY = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const [ALICE, BOB, CAROL] = ACCOUNTS

const BOX = [
  'event Changed(address indexed by, uint256 indexed value, uint256 before)',
  'error Refused(uint256 code)',
  'function value() view returns (uint256)',
  'function set(uint256 value)',
  'function fail(string reason)',
  'function refuse(uint256 code)',
]

/** The same for web3, which reads no signatures. */
const BOX_JSON = [
  {
    type: 'function',
    name: 'value',
    inputs: [],
    outputs: [{ type: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'set',
    inputs: [{ type: 'uint256', name: 'value' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'fail',
    inputs: [{ type: 'string', name: 'reason' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'event',
    name: 'Changed',
    inputs: [
      { type: 'address', name: 'by', indexed: true },
      { type: 'uint256', name: 'value', indexed: true },
      { type: 'uint256', name: 'before', indexed: false },
    ],
  },
] as const

const ws = { addr: '127.0.0.1', port: 0 }
const net = await startDevnet(t, devGenesis(), undefined, { ws })
const wsURL = `ws://127.0.0.1:${net.ports.wsPort}`
await net.mine()

t.test('ethers over HTTP', async (t) => {
  const provider = new JsonRpcProvider(net.url, DEV_CHAIN_ID, {
    staticNetwork: true,
    pollingInterval: 50,
    // Blocks are made faster here than its cache forgets.
    cacheTimeout: -1,
  })
  t.teardown(() => provider.destroy())
  const wallet = new Wallet(ALICE_KEY, provider)

  await t.test('a transfer is priced, estimated, sent and waited for', async (t) => {
    const fees = await provider.getFeeData()
    t.equal(fees.maxPriorityFeePerGas, 1_000_000n)
    const response = await wallet.sendTransaction({ to: BOB.address, value: 5n })
    t.equal(response.type, 2)
    t.equal(response.gasLimit, 21_000n)
    const [receipt] = await Promise.all([response.wait(), net.mine()])
    t.equal(receipt?.status, 1)
    t.equal(receipt?.gasUsed, 21_000n)
    const found = await provider.getTransaction(response.hash)
    t.equal(found?.blockHash, receipt?.blockHash)
    t.equal(found?.value, 5n)
    const block = await provider.getBlock(receipt!.blockNumber, true)
    t.equal(block?.prefetchedTransactions.length, 2)
    t.equal(await provider.getTransactionCount(wallet.address), 1)
  })

  await t.test('a contract is deployed, called, read, and its events are found', async (t) => {
    const factory = new ContractFactory(BOX, BOX_BYTECODE, wallet)
    const deployed = await factory.deploy()
    await Promise.all([deployed.waitForDeployment(), net.mine()])
    const address = await deployed.getAddress()
    const box = new Contract(address, BOX, wallet)
    t.equal(await box.value(), 0n)
    const sent = await box.set(7)
    const [receipt] = await Promise.all([sent.wait(), net.mine()])
    t.equal(receipt.logs.length, 1)
    t.equal(await box.value(), 7n)
    const [event] = await box.queryFilter('Changed')
    t.same('args' in event && [...event.args], [wallet.address, 7n, 0n])
    await t.rejects(box.fail.staticCall('no luck'), { code: 'CALL_EXCEPTION', reason: 'no luck' })
    const refusal = (call: Promise<unknown>) => call.then(String, (error) => error)
    t.equal((await refusal(box.fail('no luck'))).reason, 'no luck', 'while gas is estimated')
    const { revert } = await refusal(box.refuse.staticCall(12))
    t.equal(revert.name, 'Refused')
    t.same([...revert.args], [12n])
  })

  await t.test('what cannot be sent is refused with an error that ethers knows', async (t) => {
    const poor = new Wallet(`0x${'11'.repeat(32)}`, provider)
    await t.rejects(poor.sendTransaction({ to: BOB.address, value: 1n, gasLimit: 21_000 }), {
      code: 'INSUFFICIENT_FUNDS',
    })
    const used = { to: BOB.address, nonce: 0, gasLimit: 21_000 }
    await t.rejects(wallet.sendTransaction(used), { code: 'NONCE_EXPIRED' })
    const next = { to: BOB.address, nonce: await wallet.getNonce(), gasLimit: 21_000 }
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n }
    await wallet.sendTransaction({ ...next, ...fees })
    const slightlyMore = { maxFeePerGas: 10n ** 10n + 1n, maxPriorityFeePerGas: 10n ** 9n + 1n }
    await t.rejects(wallet.sendTransaction({ ...next, ...slightlyMore }), {
      code: 'REPLACEMENT_UNDERPRICED',
    })
    await net.mine()
  })

  await t.test('blocks and logs are heard by polling', async (t) => {
    const heard = new Promise<number>((resolve) => provider.once('block', resolve))
    const { number } = await net.mine()
    t.equal(await heard, Number(number))
  })
})

t.test('ethers over a WebSocket', async (t) => {
  const provider = new WebSocketProvider(wsURL, DEV_CHAIN_ID, { cacheTimeout: -1 })
  t.teardown(async () => {
    await Promise.all([provider.removeAllListeners(), box?.removeAllListeners()])
    // Behind what ends the subscriptions, of which it does not wait for the answers.
    await provider.send('eth_chainId', [])
    await provider.destroy()
  })
  let box: Contract | undefined
  const wallet = new Wallet(BOB_KEY, provider)
  const pending = new Promise<string>((resolve) => provider.once('pending', resolve))
  const heads = new Promise<number>((resolve) => provider.once('block', resolve))
  // Subscriptions are made behind the calls above.
  await provider.send('eth_chainId', [])
  const deployed = await new ContractFactory(BOX, BOX_BYTECODE, wallet).deploy()
  t.equal(await pending, deployed.deploymentTransaction()?.hash)
  const [, { number }] = await Promise.all([deployed.waitForDeployment(), net.mine()])
  t.equal(await heads, Number(number))
  box = new Contract(await deployed.getAddress(), BOX, wallet)
  const changed = new Promise<bigint>((resolve) =>
    box.once('Changed', (_by, value: bigint) => resolve(value)),
  )
  const sent = await box.set(9)
  const [receipt] = await Promise.all([sent.wait(), net.mine()])
  t.equal(receipt.status, 1)
  t.equal(await changed, 9n)
})

t.test('web3 over HTTP', async (t) => {
  const web3 = new Web3(net.url)
  web3.eth.transactionPollingInterval = 50
  const account = web3.eth.accounts.wallet.add(BOB_KEY).get(0)!
  t.equal(account.address, BOB.address)
  t.equal(await web3.eth.getChainId(), BigInt(DEV_CHAIN_ID))
  const transfer = web3.eth.sendTransaction({ from: account.address, to: CAROL.address, value: 3 })
  const isSent = new Promise((resolve) => transfer.once('transactionHash', resolve))
  const [receipt] = await Promise.all([transfer, isSent.then(() => net.mine())])
  t.equal(receipt.status, 1n)
  t.equal(receipt.gasUsed, 21_000n)
  const contract = new web3.eth.Contract(BOX_JSON)
  const deployment = contract.deploy({ data: BOX_BYTECODE }).send({ from: account.address })
  const isDeployed = new Promise((resolve) => deployment.once('transactionHash', resolve))
  const [box] = await Promise.all([deployment, isDeployed.then(() => net.mine())])
  const setting = box.methods.set(11).send({ from: account.address })
  const isSet = new Promise((resolve) => setting.once('transactionHash', resolve))
  await Promise.all([setting, isSet.then(() => net.mine())])
  t.equal(await box.methods.value().call(), 11n)
  const [event] = await box.getPastEvents('Changed', { fromBlock: 0n })
  t.match(event, { returnValues: { by: BOB.address, value: 11n, before: 0n } })
  await t.rejects(box.methods.fail('no luck').call({ from: ALICE.address }), {
    cause: { message: /no luck/ },
  })
  const { gasUsedRatio } = await web3.eth.getFeeHistory(4, 'latest', [50])
  t.equal(gasUsedRatio.length, 4)
})

t.test('web3 over a WebSocket', async (t) => {
  const web3 = new Web3(wsURL)
  t.teardown(() => web3.provider?.disconnect())
  const subscription = await web3.eth.subscribe('newHeads')
  const heard = new Promise<bigint>((resolve) =>
    subscription.once('data', (head) => resolve(BigInt(head.number!))),
  )
  const { number } = await net.mine()
  t.equal(await heard, BigInt(number))
  await subscription.unsubscribe()
})

import {
  type PrefixedHexString,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  type Hex,
  type Transport,
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  defineChain,
  encodeFunctionData,
  getAddress,
  http,
  parseAbi,
  parseEther,
  publicActions,
  recoverTransactionAddress,
  webSocket,
} from 'viem'
import {
  chainConfig,
  getWithdrawalHashStorageSlot,
  getWithdrawals,
  parseTransaction,
  publicActionsL2,
  serializeTransaction,
  walletActionsL2,
} from 'viem/op-stack'
import { decodeDeposit, encodeDeposit } from '../src/index.ts'
import { type JSONValue, L1_BLOCK } from './helpers.ts'
import {
  type Devnet,
  ACCOUNTS,
  BOX_ABI,
  BOX_BYTECODE,
  DEV_CHAIN_ID,
  GAS_PRICE_ORACLE,
  MESSAGE_PASSER,
  deposit,
  devGenesis,
  startDevnet,
  verifyProof,
} from './node-helpers-eth.ts'

const chain = defineChain({
  ...chainConfig,
  id: DEV_CHAIN_ID,
  name: 'local',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [] } },
})

const [ALICE, BOB, CAROL] = ACCOUNTS

/** What viem does with a node, over either transport. */
async function checkViem(t: Test, toTransport: (net: Devnet) => Transport) {
  const local = { addr: '127.0.0.1', port: 0 }
  const net = await startDevnet(t, devGenesis(), undefined, { ws: local })
  await net.mine()

  const options = { chain, transport: toTransport(net), pollingInterval: 20 }
  const client = createPublicClient(options).extend(publicActionsL2())
  const walletOf = (account: (typeof ACCOUNTS)[number]) =>
    createWalletClient({ ...options, account })
      .extend(publicActions)
      .extend(walletActionsL2())
  const wallet = walletOf(ALICE)

  /** Waits for a transaction, while a block is made that has it. */
  async function receiptOf(hash: Hex) {
    const [receipt] = await Promise.all([client.waitForTransactionReceipt({ hash }), net.mine()])
    return receipt
  }

  await t.test(
    'a transfer is sent, waited for, and read back with its L1 fee (J-21)',
    async (t) => {
      const before = await client.getBalance({ address: ALICE.address })
      const hash = await wallet.sendTransaction({ to: BOB.address, value: parseEther('1') })
      const receipt = await receiptOf(hash)
      t.equal(receipt.status, 'success')
      t.equal(receipt.type, 'eip1559')
      t.equal(receipt.gasUsed, 21_000n)
      t.equal(receipt.l1GasPrice, 1_000_000_000n)
      t.equal(receipt.l1GasUsed, 1_600n)
      t.equal(receipt.l1Fee, 9_377_413_000n)
      t.equal(receipt.l1FeeScalar, null)
      const after = await client.getBalance({ address: ALICE.address })
      const cost = 21_000n * receipt.effectiveGasPrice + receipt.l1Fee!
      t.equal(before - after, parseEther('1') + cost)
      const tx = await client.getTransaction({ hash })
      t.equal(tx.type, 'eip1559')
      t.equal(tx.value, parseEther('1'))
      t.equal(tx.blockNumber, receipt.blockNumber)
      t.equal(await client.getTransactionConfirmations({ hash }), 1n)
    },
  )

  await t.test('blocks are read with their deposits (J-21, D-31)', async (t) => {
    const to = `0x${'bb'.repeat(20)}` as const
    const from = `0x${'aa'.repeat(20)}` as const
    await net.mine({ transactions: [deposit(from, to, { mint: 7n, value: 2n, gas: 50_000n })] })
    const { transactions, ...block } = await client.getBlock({ includeTransactions: true })
    t.equal(transactions.length, 2)
    const [first, user] = transactions
    t.match(first, {
      type: 'deposit',
      typeHex: '0x7e',
      to: L1_BLOCK,
      mint: 0n,
      gas: 1_000_000n,
    })
    t.match(user, { type: 'deposit', from, to, mint: 7n, value: 2n, gas: 50_000n, nonce: 0 })
    t.match(user.sourceHash, /^0x[0-9a-f]{64}$/)
    t.equal(typeof block.size, 'bigint')
    t.match(block.stateRoot, /^0x[0-9a-f]{64}$/)
    const single = await client.getTransaction({ hash: user.hash })
    t.match(single, { type: 'deposit', mint: 7n, sourceHash: user.sourceHash })
    const receipt = await client.getTransactionReceipt({ hash: user.hash })
    t.match(receipt, { type: '0x7e', depositNonce: 0n, depositReceiptVersion: 1, l1Fee: null })
    t.equal(await client.getBalance({ address: to }), 2n)
  })

  await t.test('fees are estimated by GasPriceOracle (J-21)', async (t) => {
    const tx = { account: ALICE, to: BOB.address, value: 1n }
    t.equal(await client.estimateL1Fee(tx), 9_377_413_000n)
    t.equal(await client.estimateL1Gas(tx), 1_600n)
    t.equal(await client.getL1BaseFee(), 1_000_000_000n)
    t.equal(await client.estimateOperatorFee(tx), 0n)
    const [total, gasPrice] = [await client.estimateTotalFee(tx), await client.getGasPrice()]
    t.equal(total, 9_377_413_000n + 21_000n * gasPrice)
    t.equal(await client.estimateTotalGas(tx), 21_000n + 1_600n)
    const upperBound = await client.readContract({
      address: GAS_PRICE_ORACLE,
      abi: parseAbi(['function getL1FeeUpperBound(uint256) view returns (uint256)']),
      functionName: 'getL1FeeUpperBound',
      args: [100n],
    })
    t.ok(upperBound >= 9_377_413_000n)
  })

  await t.test('the estimate of the total fee is near what is paid then (J-21)', async (t) => {
    const request = { account: CAROL, to: BOB.address, value: 1n } as const
    const estimate = await client.estimateTotalFee(request)
    const { l1Fee, gasUsed, effectiveGasPrice } = await receiptOf(
      await walletOf(CAROL).sendTransaction(request),
    )
    const paid = l1Fee! + gasUsed * effectiveGasPrice
    t.ok(estimate >= (paid * 9n) / 10n && estimate <= (paid * 13n) / 10n, `${estimate} and ${paid}`)
  })

  await t.test(
    'a withdrawal is found, and proven under withdrawalsRoot (J-21, J-05, X-07)',
    async (t) => {
      const request = { to: CAROL.address, value: 5n, data: '0xc0de', gas: 21_000n } as const
      const hash = await wallet.initiateWithdrawal({ request })
      const receipt = await receiptOf(hash)
      const [withdrawal, ...others] = getWithdrawals(receipt)
      t.equal(others.length, 0)
      t.match(withdrawal, {
        sender: ALICE.address,
        target: CAROL.address,
        value: 5n,
        gasLimit: 21_000n,
      })
      const { blockNumber } = receipt
      // Proofs are made for blocks that are long past.
      await net.mine()
      await net.mine()
      const slot = getWithdrawalHashStorageSlot(withdrawal)
      const proof = await client.getProof({
        address: MESSAGE_PASSER,
        storageKeys: [slot],
        blockNumber,
      })
      t.equal(proof.storageProof[0].value, 1n)
      const raw = await net.rpc('eth_getBlockByNumber', `0x${blockNumber.toString(16)}`, false)
      t.equal(proof.storageHash, raw.withdrawalsRoot)
      const answer = await net.rpc('eth_getProof', MESSAGE_PASSER, [slot], raw.hash)
      t.equal(answer.storageHash, raw.withdrawalsRoot)
      await t.resolves(verifyProof(raw.stateRoot, answer))
      const before = await net.rpc('eth_getProof', MESSAGE_PASSER, [slot], raw.parentHash)
      t.equal(before.storageProof[0].value, '0x0')
      t.not(before.storageHash, raw.withdrawalsRoot)
      const built = await client.buildProveWithdrawal({
        withdrawal,
        output: {
          outputIndex: 0n,
          outputRoot: raw.hash,
          timestamp: 0n,
          l2BlockNumber: blockNumber,
        },
      })
      t.equal(built.outputRootProof.messagePasserStorageRoot, raw.withdrawalsRoot)
      t.equal(built.outputRootProof.stateRoot, raw.stateRoot)
      t.equal(built.outputRootProof.latestBlockhash, raw.hash)
    },
  )

  await t.test('a contract is deployed, written, read and watched (J-19)', async (t) => {
    const deployment = await receiptOf(
      await wallet.deployContract({ abi: BOX_ABI, bytecode: BOX_BYTECODE }),
    )
    const address = deployment.contractAddress!
    t.equal(deployment.to, null)
    t.match(address, /^0x[0-9a-fA-F]{40}$/)
    const contract = { abi: BOX_ABI, address } as const
    const readValue = (blockNumber?: bigint) =>
      client.readContract({ ...contract, functionName: 'value', blockNumber })
    t.equal(await readValue(), 0n)
    const write = async (value: bigint) => {
      const { request } = await wallet.simulateContract({
        ...contract,
        functionName: 'set',
        args: [value],
      })
      return receiptOf(await wallet.writeContract(request))
    }
    const first = await write(5n)
    const second = await write(6n)
    t.equal(await readValue(), 6n)
    t.equal(await readValue(first.blockNumber), 5n)
    t.equal(first.status, 'success')
    t.equal(first.logs[0].address, address)
    const range = { fromBlock: 0n, toBlock: 'latest' } as const
    const eventName = 'Changed'
    const events = await client.getContractEvents({ ...contract, ...range, eventName })
    t.strictSame(
      events.map(({ args, blockNumber }) => [args.by, args.value, args.before, blockNumber]),
      [
        [ALICE.address, 5n, 0n, first.blockNumber],
        [ALICE.address, 6n, 5n, second.blockNumber],
      ],
    )
    const some = await client.getContractEvents({
      ...{ ...contract, ...range, eventName, args: { by: ALICE.address, value: [6n, 7n] } },
    })
    t.strictSame(
      some.map(({ transactionHash }) => transactionHash),
      [second.transactionHash],
    )
    const logs = await client.getLogs({ address, blockHash: first.blockHash })
    t.strictSame(logs, first.logs)
    t.equal((await client.getCode({ address }))!.length, BOX_BYTECODE.length - 24)
    t.equal(BigInt((await client.getStorageAt({ address, slot: '0x0' }))!), 6n)

    await t.test('and what a call reverts with is decoded (J-19)', async (t) => {
      const failure = async (functionName: 'fail' | 'refuse' | 'burn', ...args: unknown[]) => {
        const request = { ...contract, account: ALICE, functionName, args } as never
        const error = await client.simulateContract(request).catch((error) => error)
        t.ok(error instanceof BaseError)
        return (
          error.walk((cause: unknown) => cause instanceof ContractFunctionRevertedError) ?? error
        )
      }
      t.equal((await failure('fail', 'no such luck')).reason, 'no such luck')
      const { data } = await failure('refuse', 42n)
      t.equal(data.errorName, 'Refused')
      t.strictSame(data.args, [42n])
      t.match((await failure('burn')).message, /invalid opcode|INVALID/i)
      const request = {
        account: ALICE,
        to: address,
        data: encodeFunctionData({ abi: BOX_ABI, functionName: 'refuse', args: [1n] }),
      }
      const error = await client.estimateGas(request).catch((error) => error)
      t.match(error.message, /execution reverted/)
    })

    await t.test(
      'and an estimate of gas suffices, and is not much more than needed (J-19)',
      async (t) => {
        const call = (functionName: 'set' | 'nest', value: bigint) => ({
          ...{ account: ALICE, to: address },
          data: encodeFunctionData({ abi: BOX_ABI, functionName, args: [value] }),
        })
        // A change of a slot, its deletion, of which the refund comes too late, and all in an inner call.
        for (const request of [
          call('set', 9n),
          call('set', 0n),
          call('nest', 8n),
          call('nest', 0n),
        ]) {
          const gas = await client.estimateGas(request)
          await t.resolves(client.call({ ...request, gas }), 'the estimate suffices')
          await t.rejects(client.call({ ...request, gas: (gas * 96n) / 100n }), 'but not 4 % less')
          t.equal(
            (await receiptOf(await wallet.sendTransaction({ ...request, gas }))).status,
            'success',
          )
          await receiptOf(await wallet.sendTransaction({ ...call('set', 5n), gas: 100_000n }))
        }
      },
    )
  })

  await t.test('the estimate of a transfer is exact (J-19)', async (t) => {
    t.equal(await client.estimateGas({ account: ALICE, to: BOB.address, value: 1n }), 21_000n)
    t.equal(
      await client.estimateGas({ account: ALICE, to: `0x${'77'.repeat(20)}`, value: 1n }),
      21_000n,
    )
    t.equal(await client.estimateGas({ to: BOB.address }), 21_000n)
    const data = `0x${'11'.repeat(100)}` as const
    t.equal(
      await client.estimateGas({ account: ALICE, to: BOB.address, data }),
      25_340n,
      'EIP-7623, and 1.5 % as geth',
    )
    const error = await client
      .estimateGas({ account: ALICE, to: BOB.address, value: parseEther('100000') })
      .catch((error) => error)
    t.match(error.message, /exceeds the balance|insufficient funds/)
  })

  await t.test('transactions sent at once get nonces in order (J-19)', async (t) => {
    const sender = walletOf(ACCOUNTS[5])
    const hashes: Hex[] = []
    for (const value of [1n, 2n, 3n])
      hashes.push(await sender.sendTransaction({ to: BOB.address, value }))
    const receipts = await Promise.all([
      ...hashes.map((hash) => client.waitForTransactionReceipt({ hash })),
      net.mine(),
    ])
    t.strictSame(
      receipts.slice(0, 3).map(({ status }) => status),
      ['success', 'success', 'success'],
    )
    const { address } = ACCOUNTS[5]
    t.equal(await client.getTransactionCount({ address, blockTag: 'pending' }), 3)
  })

  await t.test('transactions of all types are sent and read (J-22)', async (t) => {
    const sender = walletOf(ACCOUNTS[6])
    const accessList = [{ address: BOB.address, storageKeys: [] }]
    const authorization = await ACCOUNTS[7].signAuthorization!({
      ...{ chainId: DEV_CHAIN_ID, address: BOB.address, nonce: 0 },
    })
    const requests = [
      { type: 'legacy', gas: 21_000n },
      { type: 'eip2930', accessList, gas: 30_000n },
      { type: 'eip1559', gas: 21_000n },
      { type: 'eip7702', authorizationList: [authorization], gas: 60_000n },
    ] as const
    for (const request of requests) {
      const hash = await sender.sendTransaction({ to: BOB.address, value: 1n, ...request } as never)
      const receipt = await receiptOf(hash)
      t.match(receipt, { status: 'success', type: request.type })
      const tx = await client.getTransaction({ hash })
      t.equal(tx.type, request.type)
      t.equal(getAddress(tx.from), ACCOUNTS[6].address)
      if (request.type === 'eip7702') {
        t.match((tx as JSONValue).authorizationList, [
          { chainId: DEV_CHAIN_ID, nonce: 0, yParity: authorization.yParity },
        ])
        continue
      }
      const serializedTransaction = serializeTransaction(
        { ...tx, data: tx.input, chainId: DEV_CHAIN_ID } as never,
        { r: tx.r, s: tx.s, yParity: tx.yParity ?? Number(tx.v! % 2n === 0n), v: tx.v! } as never,
      ) as never
      const from = await recoverTransactionAddress({ serializedTransaction })
      t.equal(from, ACCOUNTS[6].address, `${request.type} has all fields`)
    }
  })

  await t.test(
    'a replay, a bad nonce and empty pockets have their own errors (J-17)',
    async (t) => {
      const nameOf = async (tx: object, account = ALICE) => {
        const request = { to: BOB.address, gas: 21_000n, ...tx } as never
        const error = await walletOf(account)
          .sendTransaction(request)
          .catch((error) => error)
        t.ok(error instanceof BaseError)
        return error.cause.name
      }
      t.equal(await nameOf({ nonce: 0 }), 'NonceTooLowError')
      t.equal(await nameOf({ value: parseEther('100000') }), 'InsufficientFundsError')
      t.equal(await nameOf({ gas: 20_000n }), 'IntrinsicGasTooLowError')
    },
  )

  await t.test('calls travel together in a batch, and in a multicall (J-07)', async (t) => {
    let requests = 0
    const onFetchRequest = () => void requests++
    const batching = createPublicClient({
      chain,
      transport: http(net.url, { batch: true, onFetchRequest }),
    })
    const [number, id, balance, price, block] = await Promise.all([
      batching.getBlockNumber(),
      batching.getChainId(),
      batching.getBalance({ address: BOB.address }),
      batching.getGasPrice(),
      batching.getBlock(),
      t.rejects(batching.getTransaction({ hash: `0x${'ab'.repeat(32)}` }), /could not be found/),
    ])
    t.equal(requests, 1)
    t.equal(number, block.number)
    t.equal(id, DEV_CHAIN_ID)
    t.ok(balance > 0n && price > 0n)
    const multicallAddress = '0xcA11bde05977b3631167028862bE2a173976CA11'
    const abi = parseAbi(['function l1BaseFee() view returns (uint256)', 'function nothing() view'])
    const results = await client.multicall({
      multicallAddress,
      contracts: [
        { address: GAS_PRICE_ORACLE, abi, functionName: 'l1BaseFee' },
        { address: GAS_PRICE_ORACLE, abi, functionName: 'nothing' },
      ],
    })
    t.match(results, [{ status: 'success', result: 1_000_000_000n }, { status: 'failure' }])
  })

  await t.test('fees for type 2 are estimated, and the fee history is read (J-19)', async (t) => {
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const { baseFeePerGas } = await client.getBlock()
    t.ok(maxFeePerGas > baseFeePerGas!)
    t.ok(maxPriorityFeePerGas > 0n)
    const history = await client.getFeeHistory({ blockCount: 2, rewardPercentiles: [25, 75] })
    t.equal(history.baseFeePerGas.length, 3)
    t.equal(history.gasUsedRatio.length, 2)
  })

  await t.test('safe and finalized blocks are read (J-02)', async (t) => {
    const head = await net.mine()
    await net.mine({ parent: head.hash, safe: head.hash, finalized: head.parentHash })
    t.equal((await client.getBlock({ blockTag: 'safe' })).hash, head.hash)
    t.equal((await client.getBlock({ blockTag: 'finalized' })).hash, head.parentHash)
  })

  await t.test('a block is rebuilt from what viem reads of its deposits (D-32)', async (t) => {
    const from = `0x${'aa'.repeat(20)}`
    const raw = deposit(from, undefined, { mint: 1n, data: '0x00', gas: 100_000n })
    const block = await net.mine({ transactions: [raw] })
    const tx = await client.getTransaction({ hash: block.transactions[1].hash })
    const { sourceHash, mint, value, gas, isSystemTx, input: data, to } = tx as never
    t.equal(
      serializeTransaction({
        sourceHash,
        from,
        to,
        mint,
        value,
        gas,
        isSystemTx,
        data,
        type: 'deposit',
      } as never),
      raw,
    )
  })
}

/** Any bytes of a length, in hex. */
const hex = (least: number, most = least) =>
  fc.uint8Array({ minLength: least, maxLength: most }).map((bytes) => bytesToHex(bytes))

const depositFields = fc.record({
  sourceHash: hex(32),
  from: hex(20),
  to: fc.option(hex(20), { nil: undefined }),
  mint: fc.bigInt(0n, 2n ** 128n - 1n),
  value: fc.bigInt(0n, 2n ** 256n - 1n),
  gas: fc.bigInt(0n, 2n ** 64n - 1n),
  isSystemTx: fc.boolean(),
  data: hex(0, 300),
})

t.test('viem and the codec here agree on every deposit (D-01…D-03, J-21)', async (t) => {
  const property = fc.property(depositFields, ({ sourceHash, from, to, data, ...rest }) => {
    const ours = bytesToHex(
      encodeDeposit({
        ...rest,
        sourceHash: hexToBytes(sourceHash),
        from: createAddressFromString(from),
        to: to && createAddressFromString(to),
        data: hexToBytes(data),
      }),
    )
    const theirs = serializeTransaction({
      ...rest,
      sourceHash,
      from,
      to,
      data,
      type: 'deposit',
    } as never)
    if (theirs !== ours) throw new Error(`${theirs} is not ${ours}`)
    const parsed = parseTransaction(ours as `0x7e${string}`)
    const decoded = decodeDeposit(hexToBytes(theirs as PrefixedHexString))
    const fields = {
      type: 'deposit',
      sourceHash: bytesToHex(decoded.sourceHash),
      from: `${decoded.from}`,
      ...(decoded.to && { to: `${decoded.to}` }),
      ...(decoded.mint > 0n && { mint: decoded.mint }),
      ...(decoded.value > 0n && { value: decoded.value }),
      ...(decoded.gas > 0n && { gas: decoded.gas }),
      ...(decoded.isSystemTx && { isSystemTx: true }),
      ...(decoded.data.length > 0 && { data: bytesToHex(decoded.data) }),
    }
    return t.strictSame(parsed, fields)
  })
  fc.assert(property, { numRuns: 300 })
})

t.test('over HTTP', (t) => checkViem(t, ({ url }) => http(url)))

t.test('over a WebSocket', (t) =>
  checkViem(t, ({ ports }) => {
    const transport = webSocket(`ws://127.0.0.1:${ports.wsPort}`, { reconnect: false })
    t.teardown(async () => (await transport({}).value?.getRpcClient())?.close())
    return transport
  }),
)

/** The block that the traces in `op-geth-traces.json` are of. */
import {
  type Hex,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  parseEther,
} from 'viem'
import type { JSONValue } from './helpers.ts'
import {
  ACCOUNTS,
  BOX_ABI,
  BOX_BYTECODE,
  DEV_CHAIN_ID,
  type Devnet,
  deposit,
} from './node-helpers-eth.ts'

export const [ALICE, BOB, CAROL] = ACCOUNTS

/** The test contract, which Alice deploys first. */
export const BOX = getContractAddress({ from: ALICE.address, nonce: 0n })

/** Places of transactions in the block by what they do. */
export const PLACES = {
  deploy: 1,
  set: 2,
  fail: 3,
  nest: 4,
  burn: 5,
  poorDeposit: 6,
  mint: 7,
  selfdestruct: 8,
  badJump: 9,
  poorCall: 10,
  underflow: 11,
  precompile: 12,
  delegation: 13,
  create2: 14,
}

const box = (functionName: 'set' | 'fail' | 'nest' | 'burn', ...args: unknown[]) =>
  encodeFunctionData({ abi: BOX_ABI, functionName, args } as never) as Hex

/** Encoded transactions of the block, after the L1 attributes. */
async function createTransactions(): Promise<Hex[]> {
  let nonce = 0
  const sign = (tx: JSONValue) => {
    const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 6n }
    const common = { type: 'eip1559', chainId: DEV_CHAIN_ID, nonce: nonce++, gas: 500_000n }
    return ALICE.signTransaction({ ...common, ...fees, ...tx })
  }
  const authorization = await BOB.signAuthorization!({
    chainId: DEV_CHAIN_ID,
    address: BOX,
    nonce: 0,
  })
  return [
    await sign({ data: encodeDeployData({ abi: BOX_ABI, bytecode: BOX_BYTECODE } as never) }),
    await sign({ to: BOX, data: box('set', 5n) }),
    await sign({ to: BOX, data: box('fail', 'no') }),
    await sign({ to: BOX, data: box('nest', 7n) }),
    await sign({ to: BOX, data: box('burn') }),
    deposit(CAROL.address, BOB.address, { value: parseEther('20000'), mint: 5n }),
    deposit(CAROL.address, BOB.address, { value: 3n, mint: 5n }),
    // Destroys itself in its own creation.
    await sign({ data: '0x33ff', value: 9n }),
    await sign({ data: '0x600056' }),
    // Calls itself with one wei, which it does not have.
    await sign({ data: '0x6000600060006000600130' + '5af100' }),
    await sign({ data: '0x01' }),
    // Calls the precompile that copies, with the word 42.
    await sign({ data: '0x602a600052602060406020600060045afa3d600060003e00' }),
    await sign({
      type: 'eip7702',
      to: BOB.address,
      authorizationList: [authorization],
      data: box('set', 0n),
    }),
    // Creates an account with one byte of code, by CREATE2.
    await sign({ data: '0x6b600060005360016000f3000000600052600b600b6014600060fff500' }),
  ]
}

/** Mines the block. @returns it with its transactions */
export async function mineTraced(net: Devnet): Promise<JSONValue> {
  return net.mine({ transactions: await createTransactions(), noTxPool: true })
}

/** What is traced of the block, by name. */
export const REQUESTS: Record<string, { place?: keyof typeof PLACES; options: JSONValue }> = {
  calls: { options: { tracer: 'callTracer', tracerConfig: { withLog: true } } },
  topCalls: { options: { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } } },
  prestate: { place: 'delegation', options: { tracer: 'prestateTracer' } },
  deployDiff: {
    place: 'deploy',
    options: { tracer: 'prestateTracer', tracerConfig: { diffMode: true } },
  },
  diff: {
    options: { tracer: 'prestateTracer', tracerConfig: { diffMode: true, disableCode: true } },
  },
  light: {
    options: {
      tracer: 'prestateTracer',
      tracerConfig: { disableCode: true, disableStorage: true, includeEmpty: true },
    },
  },
  fourByte: { options: { tracer: '4byteTracer' } },
  noop: { options: { tracer: 'noopTracer' } },
  set: { place: 'set', options: {} },
  nest: { place: 'nest', options: { disableStack: true, disableStorage: true, limit: 3_000 } },
  precompile: { place: 'precompile', options: { enableMemory: true, enableReturnData: true } },
  underflow: { place: 'underflow', options: {} },
  delegation: { place: 'delegation', options: { disableStack: true } },
  poorDeposit: { place: 'poorDeposit', options: {} },
}

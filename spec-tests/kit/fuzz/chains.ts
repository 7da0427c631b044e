import { FORKS } from 'ethereumjs-op'
import {
  BASE_FEE_VAULT,
  BEACON_ROOTS,
  DEPOSITOR,
  HISTORY,
  L1_BLOCK,
  L1_FEE_VAULT,
  MESSAGE_PASSER,
  OPERATOR_FEE_VAULT,
  type Pre,
  SENDERS,
  SEQUENCER_FEE_VAULT,
  l1Block,
  word,
} from '../fill/accounts.ts'
import { CHAIN_ID, type Fork, type ForkTimes, isFrom } from '../fill/forks.ts'
import type { L1Attributes, SignedFields } from '../fill/transactions.ts'
import type {
  AuthorizationPlan,
  BlockPlan,
  ChainPlan,
  ContractPlan,
  TransactionPlan,
} from './plan.ts'
import { digitsOf, initCode, randomProgram } from './programs.ts'
import type { Random } from './random.ts'

const CONTRACTS = Array.from({ length: 6 }, (_, index) => `0xc0de${'0'.repeat(35)}${index + 1}`)

const PRECOMPILES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 256].map(
  (number) => `0x${number.toString(16).padStart(40, '0')}`,
)

const SPECIAL = [
  L1_BLOCK,
  MESSAGE_PASSER,
  BASE_FEE_VAULT,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  SEQUENCER_FEE_VAULT,
  BEACON_ROOTS,
  HISTORY,
  DEPOSITOR,
  // The create2deployer, which Canyon brings (I-01).
  '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2',
  `0x${'0'.repeat(40)}`,
  `0x${'0'.repeat(38)}ff`,
]

/** When the genesis block is, in seconds. */
const GENESIS_TIME = 1000

/** What random chains are limited to. */
export interface ChainOptions {
  /** The first fork of all chains; else any. */
  first?: Fork
  /** The last fork that chains reach. */
  last?: Fork
}

/** Makes random chains. */
class ChainMaker {
  readonly #random: Random
  readonly #last: Fork

  constructor(random: Random, last: Fork) {
    this.#random = random
    this.#last = last
  }

  #address(): string {
    const random = this.#random
    return random.weighted([
      [40, () => random.pick(CONTRACTS)],
      [20, () => random.pick(SENDERS)],
      [15, () => random.pick(PRECOMPILES)],
      [17, () => random.pick(SPECIAL)],
      [8, () => `0x${random.bytes(20)}`],
    ])
  }

  #options(fork: Fork) {
    return { random: this.#random, fork, address: () => this.#address() }
  }

  #contract(fork: Fork): ContractPlan {
    const random = this.#random
    const storage: Record<string, string> = {}
    for (let slot = 0; slot < 8; slot++) {
      const value = random.word()
      if (random.chance(0.4) && value > 0n) storage[word(slot)] = word(value)
    }
    const garbage = () => [`:${random.bytes(random.integer(60))}`]
    const program = random.chance(0.95) ? randomProgram(this.#options(fork), 12) : garbage()
    const balance = random.pick(['0x0', '0x5', '0x8ac7230489e80000'])
    return { balance, nonce: '0x1', storage, program }
  }

  /** Calldata, which compresses in different ways. */
  #data(): string {
    const random = this.#random
    return random.weighted([
      [20, () => ''],
      [25, () => random.bytes(random.integer(100))],
      [15, () => '00'.repeat(random.integer(300))],
      [15, () => random.bytes(3).repeat(random.integer(300))],
      [15, () => random.bytes(random.integer(1500))],
      [10, () => random.bytes(20) + '00'.repeat(random.integer(2000)) + random.bytes(200)],
    ])
  }

  #initCode(fork: Fork): string {
    const random = this.#random
    const program = (most: number) => randomProgram(this.#options(fork), most)
    return random.weighted([
      [50, () => initCode(program(6))],
      [30, () => digitsOf(program(8))],
      // Code that begins with 0xef is refused.
      [10, () => digitsOf([':ef 0 MSTORE8 1 0 RETURN'])],
      [10, () => random.bytes(random.integer(80))],
    ])
  }

  #deposit(fork: Fork, index: number, to: string | null, data: string): TransactionPlan {
    const random = this.#random
    // A system transaction after Regolith is in DISPUTED.md.
    const isSystemTx = !isFrom(fork, 'regolith') && random.chance(0.2)
    const gas = random.chance(0.1)
      ? random.integer(30_000)
      : random.pick([21_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000])
    return {
      kind: 'deposit',
      fields: {
        index,
        from: random.chance(0.5) ? random.pick(SENDERS) : this.#address(),
        to,
        mint: random.pick([0n, 0n, 1n, 10n ** 18n, 2n ** 100n]),
        value: random.pick([0n, 0n, 1n, 10n ** 17n, 10n ** 30n]),
        gas: BigInt(gas),
        isSystemTx,
        data: `0x${data}`,
      },
    }
  }

  #authorization(): AuthorizationPlan {
    const random = this.#random
    return {
      chainId: random.pick([CHAIN_ID, CHAIN_ID, 0, CHAIN_ID + 1]),
      address: random.chance(0.2) ? `0x${'0'.repeat(40)}` : this.#address(),
      authority: random.integer(SENDERS.length),
      nonceOffset: random.pick([0, 0, 0, 0, 1, -1]) || 0,
    }
  }

  #signed(fork: Fork, to: string | null, data: string): TransactionPlan {
    const random = this.#random
    const isPrague = isFrom(fork, 'isthmus')
    const size = data.length / 2
    const creation = to === null ? 32_000 + 2 * Math.ceil(size / 32) : 0
    const least = Math.max(21_000 + creation + 16 * size, isPrague ? 21_000 + 40 * size : 0)
    const wanted = random.pick([least, least + 50_000, 300_000, 1_000_000, 3_000_000, 14_000_000])
    const isShort = random.chance(0.02)
    const fields: SignedFields = {
      sender: random.integer(SENDERS.length),
      type: random.integer(isPrague && to !== null ? 4 : 3),
      to: (to ?? undefined) as `0x${string}` | undefined,
      value: random.pick([0n, 0n, 1n, 10n ** 15n]),
      data: `0x${data}`,
    }
    const price = 10n ** 9n * BigInt(random.pick([2, 3, 10]))
    let gasLimit = isShort ? random.integer(least) : Math.max(wanted, least)
    const authorizations =
      fields.type === 3
        ? random.list(1 + random.integer(2), () => this.#authorization())
        : undefined
    if (authorizations) {
      fields.type = 4
      gasLimit += 25_000 * authorizations.length
    }
    if (Number(fields.type) < 2) Object.assign(fields, { gasPrice: price })
    else {
      const maxPriorityFeePerGas = random.pick([0n, 1n, 10n ** 9n])
      Object.assign(fields, { maxFeePerGas: price, maxPriorityFeePerGas })
    }
    if (Number(fields.type) > 0) {
      const accessList = random.list(random.integer(3), () => ({
        address: this.#address(),
        storageKeys: random.list(random.integer(3), () => word(random.integer(8))),
      }))
      for (const { storageKeys } of accessList) gasLimit += 2400 + 1900 * storageKeys.length
      Object.assign(fields, { accessList })
    }
    return { kind: 'signed', fields: { ...fields, gasLimit: BigInt(gasLimit) }, authorizations }
  }

  #block(fork: Fork, isUpgrade: boolean, step: number, index: number): BlockPlan {
    const random = this.#random
    // Transactions in the first block of Jovian and later forks are refused; one in ten tries.
    const isAlone = isUpgrade && isFrom(fork, 'jovian') && random.chance(0.9)
    const transactions = random.list(random.integer(6), (place): TransactionPlan => {
      const to = random.chance(0.15) ? null : this.#address()
      const data = to === null ? this.#initCode(fork) : this.#data()
      if (isAlone || random.chance(0.3)) return this.#deposit(fork, 10 * index + place, to, data)
      return this.#signed(fork, to, data)
    })
    const attributes: Record<string, unknown> = {}
    if (random.chance(0.3)) attributes.suggestedFeeRecipient = this.#address()
    if (isFrom(fork, 'holocene')) {
      const params = ['0x0000000000000000', '0x000000fa00000006', '0x0000000800000002']
      attributes.eip1559Params = random.pick([...params, '0x0000000100000001'])
    }
    if (isFrom(fork, 'jovian')) attributes.minBaseFee = random.pick([0, 1, 100_000, 10 ** 9])
    if (random.chance(0.1)) attributes.gasLimit = random.pick(['0x2faf080', '0x3938700'])
    // Without L1 attributes the first transaction of a Jovian block must still be a deposit.
    const hasL1Attributes = isFrom(fork, 'jovian') || random.chance(0.97)
    const l1: Partial<L1Attributes> = { sequenceNumber: BigInt(index) }
    return { transactions, attributes, step, hasL1Attributes, l1 }
  }

  #l1(): Partial<L1Attributes> {
    const random = this.#random
    const baseFeeScalar = random.pick([0n, 1n, 1368n, 5227n, 2n ** 32n - 1n])
    const baseFee = random.pick([0n, 1n, 10n ** 9n, 3n * 10n ** 10n, 2n ** 64n])
    return {
      // What would be more than anyone has is of no use.
      baseFee: baseFeeScalar > 10_000n ? 1n : baseFee,
      baseFeeScalar: baseFee > 2n ** 60n ? 1n : baseFeeScalar,
      overhead: random.pick([0n, 188n, 2100n]),
      scalar: random.pick([0n, 684_000n, 1_000_000n]),
      // All three of them zero are in DISPUTED.md.
      blobBaseFee: random.pick([1n, 1_000_000n, 10n ** 10n]),
      blobBaseFeeScalar: random.pick([0n, 1n, 810_949n, 1_014_213n]),
      operatorFeeScalar: random.pick([0n, 0n, 1000n, 2_000_000n]),
      operatorFeeConstant: random.pick([0n, 0n, 1n, 10n ** 12n]),
      daFootprintGasScalar: random.pick([0n, 1n, 400n, 400n]),
    }
  }

  chain(name: string, first: Fork): ChainPlan {
    const random = this.#random
    const times: ForkTimes = {}
    const blocks: BlockPlan[] = []
    const reachable = FORKS.slice(FORKS.indexOf(first), FORKS.indexOf(this.#last) + 1)
    let now = GENESIS_TIME
    let at = 0
    for (let index = 0, count = 1 + random.integer(4); index < count; index++) {
      const step = random.pick([2, 2, 2, 1, 13])
      now += step
      const isUpgrade = index > 0 && at + 1 < reachable.length && random.chance(0.3)
      if (isUpgrade) times[reachable[++at]] = now
      blocks.push(this.#block(reachable[at], isUpgrade, step, index))
    }
    const l1 = this.#l1()
    const top = reachable[at]
    const contracts: Record<string, ContractPlan> = {}
    for (const address of CONTRACTS) contracts[address] = this.#contract(top)
    const accounts: Pre = {}
    if (random.chance(0.7)) accounts[L1_BLOCK] = l1Block(l1)
    for (const sender of SENDERS) {
      accounts[sender] = {
        balance: `0x${(10n ** BigInt(random.pick([20, 21, 24]))).toString(16)}`,
        nonce: `0x${random.integer(3)}`,
      }
    }
    if (random.chance(0.1) && isFrom(first, 'isthmus')) {
      accounts[SENDERS[3]].code = `0xef0100${CONTRACTS[0].slice(2)}`
    }
    const vaults = [BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT]
    if (random.chance(0.5)) {
      for (const vault of vaults) accounts[vault] = { balance: `0x${random.integer(1000) + 1}` }
    }
    const gasLimit = random.pick(['0x1c9c380', '0x1c9c380', '0x3938700', '0x4c4b40'])
    const baseFeePerGas = random.pick(['0x1', '0x7', '0x3e8', '0x3b9aca00'])
    const optimism = {
      eip1559Elasticity: random.pick([2, 6, 6, 10]),
      eip1559Denominator: random.pick([8, 50]),
    }
    const genesis = { gasLimit, baseFeePerGas }
    return { name, fork: first, times, genesis, optimism, l1, accounts, contracts, blocks }
  }
}

/** A chain that follows from what is drawn. */
export function randomChain(random: Random, name: string, options: ChainOptions = {}): ChainPlan {
  const { first, last = FORKS[FORKS.length - 1] } = options
  const starts = FORKS.slice(0, FORKS.indexOf(last) + 1)
  return new ChainMaker(random, last).chain(name, first ?? random.pick(starts))
}

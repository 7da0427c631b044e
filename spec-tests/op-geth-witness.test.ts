import { type PrefixedHexString as Hex, createAddressFromString } from '@ethereumjs/util'
import t from 'tap'
import { type ClaimedBlock, createGenesis, readBlock } from '../blockchain/index.ts'
import {
  type Chain,
  RecordingState,
  StateError,
  attributesOfHeader,
  executeBlock,
} from '../src/index.ts'
import { customCrypto } from './helpers.ts'
import {
  type BuiltBlock,
  createChains,
  noRandomChains as skip,
  startOpGeth,
} from './op-geth-execution.ts'
import { executeFrom, findUnneeded } from './witness-helpers.ts'

/** Blocks of random chains that are checked. */
const BLOCKS = Number(process.env.BLOCKS ?? 100)

/** Of the random chains. */
const SEED = Number(process.env.SEED ?? 1)

const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
const EMPTY_ACCOUNT = { balance: '0x0', nonce: '0x0' }

const opGeth = skip ? undefined : startOpGeth()
t.teardown(() => opGeth?.close())

/**
 * Executes a block of op-geth from op-geth's witness. What the witness lacks is asked of op-geth, as a
 * proof.
 *
 * @returns the accounts that it lacks, and whether they exist
 */
async function findMissing(chain: Chain, claim: ClaimedBlock, { block, witness }: BuiltBlock) {
  const missing = new Map<string, boolean>()
  const state = Object.values(witness.state)
  for (;;) {
    try {
      const { hash } = await executeFrom(chain, claim, { ...witness, state })
      if (hash !== block.hash) throw new Error(`block ${block.hash} comes out as ${hash}`)
      return missing
    } catch (error) {
      const { message } = error as Error
      const address = /^account (0x\w{40}): state is incomplete/.exec(message)?.[1]
      if (!(error instanceof StateError) || !address || missing.has(address)) throw error
      const number = `0x${(claim.header.number - 1n).toString(16)}`
      const proof = await opGeth!.call('eth_getProof', address, [], number)
      const { accountProof, balance, nonce } = proof
      const isEmpty = balance === EMPTY_ACCOUNT.balance && nonce === EMPTY_ACCOUNT.nonce
      const hasCode = !/^0x(0{64}|c5d2460186f7233c.*)$/.test(proof.codeHash)
      missing.set(address, hasCode || !isEmpty)
      state.push(...accountProof)
    }
  }
}

t.test(`${BLOCKS} random blocks execute from op-geth's witnesses`, { skip }, async (t) => {
  const counts = { blocks: 0, complete: 0, absence: 0, accounts: 0, activation: 0 }
  for (const { id, genesis, blocks } of createChains(SEED)) {
    const { chain } = await createGenesis(genesis, { customCrypto })
    const built = await opGeth!.build(genesis, blocks)
    for (const [index, one] of built.entries()) {
      const where = `${id} ${index}`
      const claim = await readBlock(chain, one.block)
      const { transactions, hash } = await readBlock(chain, one.raw)
      t.strictSame([transactions, hash], [claim.transactions, claim.hash], `${where}: JSON as RLP`)
      const missing = await findMissing(chain, claim, one)
      const existing = [...missing].filter(([, exists]) => exists).map(([address]) => address)
      // Its root is in no header yet, and the witness of op-geth is made before it reads the account.
      const isActivation = Number(one.block.timestamp) === genesis.config.isthmusTime
      t.strictSame(existing, isActivation && existing.length > 0 ? [MESSAGE_PASSER] : [], where)
      const absent = [...missing.keys()].filter((address) => !existing.includes(address))
      const assumed = await executeFrom(chain, claim, one.witness, true).catch(
        (error: Error) => error,
      )
      if (assumed instanceof Error) {
        t.ok(isActivation, where)
        t.match(
          assumed.message,
          new RegExp(`^account ${MESSAGE_PASSER}: state is incomplete`),
          where,
        )
        counts.activation++
      } else {
        t.equal(assumed.hash, one.block.hash, `${where}: with absent accounts assumed`)
        // The proof of one may hold what another needs.
        const isNamed = absent.every((address) => assumed.absent.has(address as Hex))
        t.ok(isNamed, `${where}: what was assumed is named`)
        if (absent.length > 0) counts.absence++
        counts.accounts += assumed.absent.size
      }
      counts.blocks++
      if (missing.size === 0) counts.complete++
    }
    if (counts.blocks >= BLOCKS) break
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.complete > counts.blocks / 2, 'most are complete')
})

t.test(
  `op-geth executes ${BLOCKS} random blocks from witnesses of this client`,
  { skip },
  async (t) => {
    let count = 0
    for (const { id, genesis, blocks } of createChains(SEED)) {
      const { chain, header, state } = await createGenesis(genesis, { customCrypto })
      const nodes = new Map(state.added)
      const headers = [header]
      for (const [index, one] of (await opGeth!.build(genesis, blocks)).entries()) {
        const where = `${id} ${index}`
        const claim = await readBlock(chain, one.raw)
        const [parent] = headers
        const recording = new RecordingState(chain.common, nodes, parent.stateRoot)
        const attributes = { ...attributesOfHeader(claim.header), transactions: claim.transactions }
        let lowest = parent.number
        const getBlockHash = (number: bigint) => {
          if (number < lowest) lowest = number
          return headers.find((ancestor) => ancestor.number === number)?.hash()
        }
        const opts = { chain, parent, state: recording, attributes, getBlockHash }
        await executeBlock(opts)
        const needed = headers.filter(({ number }) => number >= lowest).reverse()
        const witness = recording.toWitness(needed.map((ancestor) => ancestor.serialize()))
        t.equal((await executeFrom(chain, claim, witness)).hash, claim.hash, `${where}: by itself`)
        const { stateRoot, receiptsRoot, error } = await opGeth!.execute(
          genesis.config,
          one.raw,
          witness,
        )
        t.equal(error, undefined, where)
        t.equal(stateRoot, one.block.stateRoot, where)
        t.equal(receiptsRoot, one.block.receiptsRoot, where)
        if (count % 10 === 0) {
          const path = new RecordingState(chain.common, nodes, parent.stateRoot)
          await path.getAccount(createAddressFromString(MESSAGE_PASSER))
          const unneeded = await findUnneeded(chain, claim, witness)
          const onPath = path.toWitness([]).state as string[]
          t.strictSame(
            unneeded.filter((node) => !onPath.includes(node)),
            [],
            `${where}: no more`,
          )
        }
        for (const [hash, node] of recording.added) nodes.set(hash, node)
        headers.unshift(claim.header)
        count++
      }
      if (count >= BLOCKS) break
    }
    t.comment(`${count} blocks`)
  },
)

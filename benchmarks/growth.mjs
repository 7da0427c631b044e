/** How time and memory grow with the block, the state and the number of blocks, in a worker. */
import { setTimeout } from 'node:timers/promises'
import { RLP } from '@ethereumjs/rlp'
import { Account, bytesToHex, hexToBytes } from '@ethereumjs/util'
import { createAllocState } from '../dist/blockchain/index.js'
import { createCrypto } from '../dist/crypto/index.js'
import * as project from '../dist/src/index.js'
import { medians, timed } from './common.mjs'
import { runRealBlock } from './execute.mjs'
import * as workloads from './workloads.mjs'

const customCrypto = await createCrypto()
const { ALLOC, workloadChain } = workloads
const { config, parentOf, attributesOf } = workloadChain
const chain = project.createChain(config, { customCrypto })
const { common } = chain

/** A state, and the header of the block before it. */
const parentAt = async (state) => project.createHeader(chain, parentOf(await state.getStateRoot()))

const mixed = []

/** Seconds for a block of about `mgas` Mgas: ERC-20 transfers and loops, half of the gas each. */
export async function timeBlock(mgas) {
  while (mixed.length < mgas * 11) {
    for (let index = 0; index < 10; index++) mixed.push(workloads.erc20Transfer(mixed.length))
    mixed.push(workloads.call(mixed.length, 'arithmetic', 6_700, 600_000n))
  }
  const attributes = attributesOf(mixed.slice(0, mgas * 11))
  const times = []
  let gas
  for (let round = 0; round < 3; round++) {
    const state = await createAllocState(common, ALLOC)
    const parent = await parentAt(state)
    const time = await timed(() => project.executeBlock({ chain, state, parent, attributes }))
    gas = Number(time.result.header.gasUsed)
    if (round > 0) times.push(time)
  }
  return { gas, ...medians(times) }
}

/**
 * Trie nodes of a state with these accounts, each of which has one wei, built from the sorted keys
 * upwards. EthereumJS would insert one account after the other, which takes minutes for a million.
 *
 * @param nodes - gets the nodes by their hash
 * @returns the root of the state
 */
function buildState(nodes, addresses, value) {
  const { keccak256 } = customCrypto
  const keys = addresses.map((address) => bytesToHex(keccak256(address)).slice(2)).sort()
  /** The hex-prefix encoding of a path. @see Yellow Paper, appendix C */
  const pack = (path, isLeaf) => {
    const flag = (isLeaf ? 2 : 0) + (path.length % 2)
    return hexToBytes(`0x${flag}${path.length % 2 ? '' : '0'}${path}`)
  }
  const store = (node) => {
    const encoded = RLP.encode(node)
    const hash = keccak256(encoded)
    nodes.set(bytesToHex(hash).slice(2), encoded)
    return hash
  }
  const build = (from, to, depth) => {
    if (to - from === 1) return store([pack(keys[from].slice(depth), true), value])
    const branch = Array(17).fill(new Uint8Array())
    let end = depth
    while (keys[from][end] === keys[to - 1][end]) end++
    for (let start = from; start < to; ) {
      let next = start
      while (next < to && keys[next][end] === keys[start][end]) next++
      branch[Number.parseInt(keys[start][end], 16)] = build(start, next, end + 1)
      start = next
    }
    const hash = store(branch)
    return end === depth ? hash : store([pack(keys[from].slice(depth, end), false), hash])
  }
  return build(0, keys.length, 0)
}

/** Seconds for 500 transfers on a state of `size` accounts to which all parties belong. */
export async function timeOnState(size) {
  const nodes = new Map()
  const senders = Object.keys(ALLOC).filter((address) => !ALLOC[address].code)
  const others = Array.from({ length: size - senders.length }, (_, index) =>
    workloads.recipient(index),
  )
  const addresses = [...senders, ...others].map((address) => hexToBytes(address))
  const account = new Account(0n, 10n ** 24n).serialize()
  const { result: root, wall: build } = await timed(() => buildState(nodes, addresses, account))
  // Spread over the whole state; the hashes of the addresses scatter them in the trie anyway.
  const spread = (index) => workloads.recipient((index * 7919) % others.length)
  const transactions = Array.from({ length: 500 }, (_, index) =>
    workloads.sign(index, { to: spread(index), value: 1n, gasLimit: 21_000n }),
  )
  const [attributes, times, count] = [attributesOf(transactions), [], nodes.size]
  const parent = project.createHeader(chain, parentOf(root))
  for (let round = 0; round < 3; round++) {
    const state = new project.State(common, nodes, root)
    const time = await timed(() => project.executeBlock({ chain, state, parent, attributes }))
    if (Number(time.result.header.gasUsed) !== 500 * 21_000) throw new Error('other gas than meant')
    if (round > 0) times.push(time)
  }
  return { size, build, nodes: count, ...medians(times) }
}

/** Megabytes in use, of V8's heap and of the buffers outside, after garbage collections. */
async function memory() {
  // What only finished work holds is free after the next turn.
  for (let turn = 0; turn < 3; turn++) {
    await setTimeout(10)
    globalThis.gc()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

/** Memory before and after `count` real blocks, each on its own witness. */
export async function heapOfBlocks(paths, count) {
  for (const path of paths) await runRealBlock(path, false)
  const before = await memory()
  for (let index = 0; index < count; index++) await runRealBlock(paths[index % paths.length], false)
  const after = await memory()
  return { count, before, after, growth: after - before }
}

/**
 * Memory before and after `count` consecutive blocks of 3 transfers to new accounts on one state;
 * `withoutNodes` once the trie nodes, which a node would have on disk, are deleted.
 */
export async function heapOfChain(count) {
  const initial = await createAllocState(common, ALLOC)
  const root = await initial.getStateRoot()
  const state = new project.State(common, initial.added, root)
  const nodes = state.added
  let parent = project.createHeader(chain, parentOf(root))
  const block = async (number) => {
    const raws = Array.from({ length: 3 }, (_, index) => workloads.transfer(number * 3 + index))
    const attributes = attributesOf(raws, parent.timestamp + 2n)
    parent = (await project.executeBlock({ chain, state, parent, attributes })).header
  }
  for (let number = 0; number < 20; number++) await block(number)
  const before = await memory()
  const nodesBefore = nodes.size
  for (let number = 20; number < count + 20; number++) await block(number)
  const after = await memory()
  const added = nodes.size - nodesBefore
  nodes.clear()
  const withoutNodes = await memory()
  // Used afterwards, so that it is not collected before.
  const isAlive = state.common !== undefined && parent.number > 0n
  return { count, before, after, added, withoutNodes, growth: withoutNodes - before, isAlive }
}

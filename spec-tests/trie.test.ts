import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { MapDB, bytesToHex, bytesToUnprefixedHex } from '@ethereumjs/util'
import fc from 'fast-check'
import t from 'tap'
import { indexedRoot, putAll } from '../ethereumjs/trie.ts'
import { customCrypto } from './helpers.ts'

const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun, customCrypto })

/** Values from one byte, so that their nodes are part of those above, to some hundred. */
const value = fc.uint8Array({ minLength: 1, maxLength: 120 })

t.test('a trie of a list has the root that putting one after the other gives', async (t) => {
  const lengths = [0, 1, 2, 3, 16, 17, 127, 128, 129, 130, 255, 256, 257, 400]
  for (const length of lengths) {
    for (const size of [1, 40]) {
      const values = Array.from({ length }, (_, index) => new Uint8Array(size).fill(index % 251, 0))
      const trie = new MerklePatriciaTrie({ common })
      for (const [index, item] of values.entries()) await trie.put(RLP.encode(index), item)
      const name = `${length} items of ${size} bytes`
      t.equal(bytesToHex(indexedRoot(common, values)), bytesToHex(trie.root()), name)
    }
  }
  const [some, none] = [Uint8Array.of(7), new Uint8Array()]
  const trie = new MerklePatriciaTrie({ common })
  await trie.put(RLP.encode(1), some)
  t.strictSame(indexedRoot(common, [none, some]), trie.root(), 'what is empty is left out')
})

t.test(
  'entries at once give the root of one after the other, and nodes by their hashes',
  async (t) => {
    // Keys that have much in common, so that paths part in all ways, and few, so that some come again.
    const byte = fc.constantFrom(0x00, 0x01, 0x10, 0x11)
    const key = fc.tuple(byte, byte, byte).map((bytes) => Uint8Array.from(bytes))
    const round = fc.uniqueArray(fc.tuple(key, value), {
      maxLength: 40,
      selector: ([key]) => `${key}`,
    })
    const property = fc.asyncProperty(fc.array(round, { maxLength: 4 }), async (rounds) => {
      const added = new Map<string, Uint8Array>()
      const one = new MerklePatriciaTrie({ common })
      const all = new MerklePatriciaTrie({
        common,
        db: new MapDB(added as Map<string, Uint8Array>),
        valueEncoding: 'view',
      })
      for (const entries of rounds) {
        for (const entry of entries) await one.put(...entry)
        await putAll(all, entries, added)
        t.strictSame(all.root(), one.root())
        for (const [key, item] of entries) t.strictSame(await all.get(key), item)
      }
      for (const [hash, node] of added) {
        t.equal(bytesToUnprefixedHex(customCrypto.keccak256(node)), hash)
      }
    })
    await fc.assert(property, { numRuns: 200 })
  },
)

t.test('what is put again as it is adds no node', async (t) => {
  const trie = new MerklePatriciaTrie({ common, useKeyHashing: true })
  const entries = Array.from({ length: 300 }, (_, index): [Uint8Array, Uint8Array] => [
    Uint8Array.of(index >> 8, index & 255),
    new Uint8Array(60).fill(index),
  ])
  for (const entry of entries) await trie.put(...entry)
  const root = trie.root()
  const added = new Map<string, Uint8Array>()
  await putAll(trie, entries, added)
  t.equal(added.size, 0)
  t.strictSame(trie.root(), root)
})

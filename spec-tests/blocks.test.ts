import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { bytesToHex } from '@ethereumjs/util'
import t from 'tap'
import { createGenesis } from '../blockchain/index.ts'
import { FIXTURES, customCrypto, executeFixture, noFixtures, readFixture } from './helpers.ts'

const filesIn = (folder: string) =>
  noFixtures ? [] : readdirSync(resolve(FIXTURES, folder)).map((name) => `${folder}/${name}`)

// In a process of its own: the hooks that tap sets make promises, thus the EVM, three times slower.
t.test('every real block has exactly its hash', { skip: noFixtures }, async (t) => {
  const files = filesIn('blocks')
  t.ok(files.length >= 20, `${files.length} blocks`)
  const args = ['scripts/verify.mjs', '.', ...files.map((path) => resolve(FIXTURES, path))]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const lines = stdout.trimEnd().split('\n')
  t.equal(status, 0)
  t.equal(stderr, '')
  for (const [index, path] of files.entries()) {
    const file = readFixture(path)
    const line = JSON.parse(lines[index])
    t.match(
      line,
      {
        ok: true,
        chainId: file.chainId,
        number: file.blockNumber,
        fork: file.hardfork,
        hash: file.expectedBlockHash ?? file.derivedBlockHash,
        txs: file.payloadAttributes.transactions.length,
      },
      path,
    )
  }
  t.equal(lines.length, files.length)
})

t.test('every block on a full state has exactly its roots', { skip: noFixtures }, async (t) => {
  for (const path of filesIn('states')) {
    const file = readFixture(path)
    const { header } = await executeFixture(file)
    t.equal(bytesToHex(header.stateRoot), file.expected.stateRoot, `${path} stateRoot`)
    t.equal(bytesToHex(header.receiptTrie), file.expected.receiptsRoot, `${path} receiptsRoot`)
    t.equal(bytesToHex(header.transactionsTrie), file.expected.transactionsRoot, `${path} txs`)
    t.equal(bytesToHex(header.logsBloom), file.expected.logsBloom, `${path} logsBloom`)
  }
})

t.test(
  'every genesis file has exactly its hash (X-08, B-08, H-21)',
  { skip: noFixtures },
  async (t) => {
    const files = filesIn('genesis')
    t.ok(files.length >= 9, `${files.length} genesis files`)
    for (const path of files) {
      const file = readFixture(path)
      const { header } = await createGenesis(file, { customCrypto })
      t.equal(bytesToHex(header.hash()), file._expected.hash, path)
    }
  },
)

/** What the vectors say of other clients is checked, and is true. */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { compareVerdict, reasonNotToAsk } from './kit/confirm/compare.ts'
import { type Witness, confirm, startWitnesses } from './kit/confirm/confirm.ts'
import { Reference, type Verdict, findPrograms } from './kit/confirm/references.ts'
import { writeVectors } from './kit/files.ts'
import { deposit } from './kit/fill/transactions.ts'
import { VectorChain } from './kit/fill/chain.ts'
import { LISTED } from './kit/fuzz/known.ts'
import type { Vector } from './kit/vector.ts'

/** A vector of one block with a deposit, and a payload that is refused. */
async function makeVector(name: string, fork: 'jovian' | 'karst' = 'jovian'): Promise<Vector> {
  const chain = await VectorChain.create(name, { fork })
  await chain.block({ transactions: [deposit({ mint: 1n })] })
  await chain.altered({ error: 'gasUsed' }, {}, ({ payload }) => {
    payload.gasUsed = '0x1'
  })
  return chain.finish({ description: 'A deposit, and a wrong gasUsed', rules: ['D-13'] })
}

/** What a client says that has what the vector has. */
function agreeing(vector: Vector): Verdict {
  const { engineNewPayloads, lastblockhash, postStateHash, genesisBlockHeader } = vector
  const payloads = engineNewPayloads.map(({ validationError, payloadAttributes, params }) => ({
    status: validationError ? 'INVALID' : 'VALID',
    ...(payloadAttributes && { built: (params[0] as { blockHash: string }).blockHash }),
  }))
  return { genesisHash: genesisBlockHeader.hash, payloads, lastblockhash, postStateHash }
}

/** A client that says what it is told to. */
const witness = (said: (vector: Vector) => Verdict): Witness => ({
  name: 'op-geth',
  ask: async (vector) => said(vector),
  close() {},
})

t.test('each thing that a client has instead is a difference', async (t) => {
  const vector = await makeVector('differences')
  const verdict = (change: (said: Verdict) => void) => {
    const said = agreeing(vector)
    change(said)
    return compareVerdict('op-geth', vector, said)
  }
  t.equal(
    verdict(() => {}),
    'agrees',
  )
  t.match(
    verdict((said) => {
      said.payloads![1].status = 'VALID'
    }),
    /^differs: payload 1: VALID/,
  )
  t.match(
    verdict((said) => {
      said.payloads![0].built = '0x00'
    }),
    /^differs: payload 0: builds 0x00/,
  )
  t.match(
    verdict((said) => {
      said.payloads!.pop()
    }),
    /^differs: payload 1: no answer/,
  )
  t.match(
    verdict((said) => {
      said.lastblockhash = '0x00'
    }),
    /^differs: lastblockhash 0x00/,
  )
  t.match(
    verdict((said) => {
      said.genesisHash = '0x00'
    }),
    /^differs: genesis 0x00/,
  )
  t.match(
    verdict((said) => {
      said.payloads![1] = { panic: 'nil' }
    }),
    /^differs: .*panic: nil/,
  )
  t.match(
    verdict((said) => {
      said.payloads![0].head = 'error'
    }),
    /^differs: payload 0: as head/,
  )
  t.match(
    verdict((said) => {
      said.error = 'it ends with 2'
    }),
    /^differs: it ends with 2/,
  )
  const notAsked = { notAsked: 'the hash' }
  t.equal(
    verdict((said) => {
      said.payloads![1] = notAsked
    }),
    'agrees in part: the hash',
  )
  t.equal(
    verdict((said) => {
      said.payloads = [{ ...notAsked, built: notAsked }, notAsked]
    }),
    'not asked: the hash',
  )
})

t.test(
  'a false verdict, and one against a vector that is not disputed, are failures',
  async (t) => {
    const folder = t.testdir()
    const path = `${folder}/one.json`
    const vector = await makeVector('false')
    writeVectors(path, { one: vector })
    const right = witness(agreeing)
    const wrong = witness((one) => ({ ...agreeing(one), lastblockhash: '0x00' }))
    const failures = async (...args: Parameters<typeof confirm>) =>
      (await confirm(...args)).failures

    t.match(await failures(path, [right]), [/op-geth is agrees, recorded is undefined/])
    t.strictSame(await failures(path, [right], { write: true }), [])
    t.strictSame(await failures(path, [right]), [])
    t.match(await failures(path, [wrong]), [/is differs: lastblockhash 0x00, recorded is agrees/])
    t.match(await failures(path, [wrong], { write: true }), [/but it is not disputed/])
    vector._info.disputed = 'a-kind'
    writeVectors(path, { one: vector })
    t.strictSame(await failures(path, [wrong], { write: true }), [])
    t.match(JSON.parse(readFileSync(path, 'utf8')), {
      one: { _info: { witnesses: { 'op-geth': 'differs: lastblockhash 0x00' } } },
    })
  },
)

t.test('op-geth is not asked about Karst', async (t) => {
  const karst = await makeVector('karst', 'karst')
  t.equal(reasonNotToAsk('op-geth', karst), 'op-geth does not know Karst')
  t.equal(reasonNotToAsk('op-revm', karst), undefined)
  t.equal(reasonNotToAsk('op-geth', await makeVector('jovian')), undefined)
})

t.test('a program that ends, or is not there, is an error of its verdict', async (t) => {
  const vector = await makeVector('ends')
  const crash = "process.stderr.write('panic: it broke\\nat here'); process.exit(2)"
  const ending = new Reference('op-geth', process.execPath, ['-e', crash])
  t.strictSame(await ending.ask(vector), { error: 'panic: it broke' })
  t.strictSame(await ending.ask(vector), { error: 'panic: it broke' }, 'it is started again')
  const missing = new Reference('op-geth', `${t.testdirName}/nothing`)
  t.match(await missing.ask(vector), { error: /ENOENT/ })
})

t.test('the references that are built agree', async (t) => {
  const witnesses = startWitnesses(findPrograms(true))
  if (witnesses.length === 0) return t.pass('none is built')
  const vector = await makeVector('references')
  for (const one of witnesses) {
    t.equal(compareVerdict(one.name, vector, await one.ask(vector)), 'agrees', one.name)
    one.close()
  }
})

t.test('DISPUTED.md has every kind that vectors and the search name', (t) => {
  const page = readFileSync(new URL('DISPUTED.md', import.meta.url), 'utf8')
  const headings = new Set(page.match(/(?<=^### ).*$/gm))
  for (const { heading } of LISTED) t.ok(headings.has(heading), heading)
  const cases = fileURLToPath(new URL('kit/fill/cases/', import.meta.url))
  for (const name of readdirSync(cases, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(`${cases}${name}`, 'utf8')
    for (const [, kind] of text.matchAll(/disputed: '([^']*)'/g)) t.ok(headings.has(kind), kind)
  }
  t.end()
})

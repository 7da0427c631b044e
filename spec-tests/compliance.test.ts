import { spawnSync } from 'node:child_process'
import t from 'tap'
import { type Evidence, findGaps, renderCompliance } from './kit/confirm/coverage.ts'
import { parseRules } from './kit/rules.ts'
import type { Vector } from './kit/vector.ts'

const SECTIONS = parseRules(`## A: first things
| A-01 | text | Bedrock | consensus | EIP-1 |
| A-02 | text | Bedrock | rpc | EIP-1 |
## T: traps
| T-01 | text (A-01) | Bedrock | consensus | EIP-1 |
`)

const HASH = `0x${'11'.repeat(32)}`

/** A vector on a chain where Regolith begins at 10, with a valid block at each of `times`. */
function vectorWith(info: Partial<Vector['_info']>, times = [8, 10, 12]): Vector {
  return {
    _info: { description: 'text', rules: ['A-01'], witnesses: {}, ...info },
    network: 'BedrockToRegolithAtTime10',
    config: { chainId: 1, regolithTime: 10 },
    genesisBlockHeader: { hash: HASH },
    pre: {},
    engineNewPayloads: times.map((time) => ({
      newPayloadVersion: '2',
      forkchoiceUpdatedVersion: '3',
      params: [{ timestamp: `0x${time.toString(16)}` }],
    })),
    lastblockhash: HASH,
    postStateHash: HASH,
  }
}

const evidence = (fields: Partial<Evidence> = {}): Evidence => ({
  sections: SECTIONS,
  vectors: [{ name: 'topic/file/case[bedrock]', vector: vectorWith({}) }],
  forks: ['bedrock', 'regolith'],
  reasons: {},
  tests: new Map([['A-02', ['one.test.ts', 'two.test.ts']]]),
  ...fields,
})

/** Evidence of one vector. */
const of = (vector: Vector, fields: Partial<Evidence> = {}) =>
  evidence({ vectors: [{ name: 'topic/file/case[bedrock]', vector }], ...fields })

t.test('COMPLIANCE.md is up to date, and no rule of consensus lacks a vector', async (t) => {
  const args = ['spec-tests/dist/confirm/compliance.js', '--check']
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('nothing is missing where each rule of consensus has a vector', async (t) => {
  t.same(findGaps(evidence()), [])
})

t.test('a rule of consensus without a vector is a gap, unless there is a reason', async (t) => {
  const other = vectorWith({ rules: ['A-02'] })
  t.same(findGaps(of(other)), ['A-01 has no vector', 'T-01 has no vector'])
  const reasons = { 'A-01': 'no way to show it', 'T-01': 'neither' }
  t.same(findGaps(of(other, { reasons })), [])
  t.same(findGaps(evidence({ reasons: { 'A-01': 'no way to show it' } })), [
    'A-01 has a vector, and a reason why it has none',
  ])
  t.same(findGaps(evidence({ reasons: { 'A-09': 'no rule' } })), [
    'A-09 has a reason, but is not in RULES.md',
  ])
})

t.test('a rule that is not there, and a difference without a dispute, are gaps', async (t) => {
  t.same(findGaps(of(vectorWith({ rules: ['A-01', 'A-03'] }))), [
    'topic/file/case[bedrock] cites A-03, which is not in RULES.md',
  ])
  const witnesses = { 'op-geth': 'differs: payload 0: INVALID', 'op-revm': 'agrees' }
  t.same(findGaps(of(vectorWith({ witnesses }))), [
    'topic/file/case[bedrock]: op-geth differs, and it is not disputed',
  ])
  t.same(findGaps(of(vectorWith({ witnesses, disputed: 'kind' }))), [])
})

t.test('a fork whose beginning no vector has blocks around is a gap', async (t) => {
  const gap = 'no vector has blocks before, at and after the beginning of regolith'
  for (const times of [[8], [8, 10], [10, 12], [8, 9, 9], []]) {
    t.same(findGaps(of(vectorWith({}, times))), [gap], `${times}`)
  }
  const refused = vectorWith({})
  refused.engineNewPayloads[2].validationError = 'gasUsed'
  t.same(findGaps(of(refused)), [gap], 'a block that is invalid does not count')
  t.same(findGaps(of({ ...vectorWith({}), network: 'Regolith' })), [gap])
})

t.test('the page counts vectors, who agrees, and where the rest is tested', async (t) => {
  const vectors = ['bedrock', 'karst'].map((fork) => ({
    name: `topic/file/case[${fork}]`,
    vector: vectorWith({ witnesses: { 'op-geth': 'agrees', 'op-revm': 'not asked: karst' } }),
  }))
  const witnesses = { 'op-geth': 'differs: payload 0', 'op-revm': 'agrees' }
  for (const name of ['one', 'two', 'three']) {
    if (name === 'three') witnesses['op-revm'] = 'agrees in part: hashes'
    const vector = vectorWith({ witnesses: { ...witnesses }, disputed: 'kind' })
    vectors.push({ name: `topic/other/${name}[karst]`, vector })
  }
  const page = renderCompliance(evidence({ vectors }))
  const lines = [
    '5 vectors, 3 of them disputed (see [DISPUTED.md](DISPUTED.md)):',
    '5 topic.',
    '| consensus | 2 | 2 | 0 | 0 |',
    '| rpc | 1 | 0 | 0 | 1 |',
    '| op-geth | 2 | 0 | 3 | 0 | 0 |',
    '| op-revm | 2 | 1 | 0 | 2 | 0 |',
    '### A: first things',
    '| A-01 | 5 | 2, 3 differ | 2, 1 in part | topic/file/case ×2, topic/other/one, topic/other/two, 1 more |',
    '| A-02 | rpc | tests: one, two |',
    '| T-01 | consensus | vectors of A-01 |',
  ]
  for (const line of lines) t.ok(page.split('\n').includes(line), line)
})

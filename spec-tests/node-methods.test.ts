import t from 'tap'
import { createEth } from '../node/dist/eth/index.js'
import { createStore } from '../node/dist/store/store.js'
import { AnsweredError, devGenesis, methodsUnder, startDevnet } from './node-helpers-eth.ts'

const net = await startDevnet(t)

/** Whether the authenticated port has a method, whatever it says to no parameters. */
async function isServed(method: string) {
  const error = await net.engine(method).catch((thrown) => thrown)
  if (!(error instanceof AnsweredError) || error.code !== -32601) return true
  return !/does not exist|is not supported/.test(error.message)
}

t.test('METHODS.md lists what is served, and what is not', async (t) => {
  const served = methodsUnder('Served')
  const absent = methodsUnder('Not served')
  t.same([...new Set(served)], served, 'none twice')
  for (const method of served) t.ok(await isServed(method), `${method} is served`)
  for (const method of absent) t.notOk(await isServed(method), `${method} is not served`)
})

t.test('METHODS.md lists all that is served', async (t) => {
  const store = await createStore({ genesis: devGenesis(), datadir: t.testdir() })
  t.teardown(() => store.close())
  const capabilities: string[] = await net.engine('engine_exchangeCapabilities', [])
  const registered = [...Object.keys(createEth(store)), ...capabilities]
  const served = methodsUnder('Served')
  const refused = ['eth_config']
  t.same(
    registered.filter((name) => !served.includes(name) && !refused.includes(name)),
    [],
  )
})

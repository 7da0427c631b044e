/** Runs workloads on anvil, Foundry's node on native revm, from its npm package. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { timed } from './common.mjs'
import { ALLOC, workloadChain } from './workloads.mjs'

/** Path of anvil's program. @throws where there is none for this platform */
function findProgram() {
  const arch = { x64: 'amd64' }[process.arch] ?? process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return join(dirname(path), `bin/anvil${suffix}`)
}

/** Seconds of processor time that all threads of a process used so far, where Linux tells. */
function processorTime(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const read = (thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')
    return threads.reduce((total, thread) => total + Number(read(thread).split(' ')[0]) / 1e9, 0)
  } catch {
    return undefined
  }
}

/** Starts anvil with the accounts of the workloads. @throws if it does not run here */
export async function startAnvil() {
  const folder = mkdtempSync(join(tmpdir(), 'anvil-'))
  const genesis = join(folder, 'genesis.json')
  const { config, gasLimit, baseFeePerGas } = workloadChain
  const { chainId } = config
  const hex = (value) => `0x${value.toString(16)}`
  const fields = { difficulty: '0x0', gasLimit: hex(gasLimit), timestamp: '0x0' }
  writeFileSync(genesis, JSON.stringify({ config: { chainId }, ...fields, alloc: ALLOC }))
  const flags =
    `--network optimism --hardfork holocene --no-mining --order fifo --port 0 --accounts 0
    --init ${genesis} --chain-id ${chainId} --gas-limit ${gasLimit}
    --block-base-fee-per-gas ${baseFeePerGas}`.split(/\s+/)
  const child = spawn(findProgram(), flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  child.stderr.resume()
  let printed = ''
  child.stdout.on('data', (text) => (printed += text))
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`exit ${code}`)))
  ended.catch(() => {})
  while (!printed.includes('Listening on')) {
    await Promise.race([once(child.stdout, 'data'), failed, ended])
  }
  const url = `http://${printed.match(/Listening on (\S+)/)[1]}`
  const post = async (calls) => {
    const headers = { 'content-type': 'application/json' }
    const answers = await (
      await fetch(url, { method: 'POST', headers, body: JSON.stringify(calls) })
    ).json()
    const failure = [answers].flat().find(({ error }) => error)
    if (failure) throw new Error(`anvil: ${failure.error.message}`)
    return answers
  }
  const request = (method, ...params) => ({ jsonrpc: '2.0', id: 1, method, params })
  const ask = async (...call) => (await post(request(...call))).result
  let snapshot = await ask('evm_snapshot')
  const version = await ask('web3_clientVersion')

  /** Sends the transactions, which checks their signatures, then takes the time of mining them. */
  const run = async ({ transactions }) => {
    await ask('evm_revert', snapshot)
    snapshot = await ask('evm_snapshot')
    await post(transactions.map((raw) => request('eth_sendRawTransaction', raw)))
    const before = processorTime(child.pid)
    const { wall } = await timed(() => ask('evm_mine'))
    const cpu = processorTime(child.pid) - before
    const block = await ask('eth_getBlockByNumber', 'latest', false)
    const mined = block.transactions.length
    if (mined !== transactions.length) throw new Error(`anvil mined ${mined} transactions`)
    return { gas: Number(block.gasUsed), wall, cpu: Number.isNaN(cpu) ? wall : cpu }
  }
  return { run, stop, version }
}

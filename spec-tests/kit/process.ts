import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, ClientError, type Clients, genesisOf } from './client.ts'
import { createHTTPClient } from './http.ts'
import type { Vector } from './vector.ts'

/** How clients are started. */
export interface ProcessOptions {
  /** For the shell, with `{genesis}`, `{jwt}` and `{port}`. */
  command: string
  /** How long a start, or an answer, may take, in milliseconds. */
  timeout: number
  /** File that all they print is added to. */
  log?: string
}

/** Placeholders that a command must have, else all its clients would be the same or not be found. */
export const NEEDED = ['{genesis}', '{jwt}', '{port}']

/** Milliseconds between questions whether a client is there. */
const POLL = 50

/** Milliseconds in which a client ends when it is told to. */
const GRACE = 5000

/** What a client printed last, in characters. */
const TAIL = 4000

/** What clients print if their port is not free. */
const TAKEN = /address already in use|EADDRINUSE|port \d+ .* is taken/i

const isWindows = process.platform === 'win32'

/** A port that nobody listens on. */
async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Signals a process and all that it has started. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals) {
  if (pid === undefined) return
  try {
    if (isWindows) spawn('taskkill', ['/pid', `${pid}`, '/t', '/f'])
    else process.kill(-pid, name)
  } catch {
    // All of them have ended.
  }
}

/** What a client leaves is in the way of nobody, so that it stays where it cannot be removed. */
function removeFolder(folder: string) {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  } catch {
    // A process still writes there.
  }
}

/** A client that runs. */
interface Running {
  child: ChildProcess
  folder: string
  /** How it ended, once it has. */
  ending?: string
  /** What it printed last. */
  tail: string
}

/** The last line that tells why a client ended. */
function lastLine(tail: string): string {
  const lines = tail.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => /error|fatal|panic|fail/i.test(line))
  const line = telling.at(-1) ?? lines.at(-1)
  return line === undefined ? '' : `: ${line.trim()}`
}

/** Clients that are started by a command, each with a folder, a secret and a port of its own. */
export function createProcesses({ command, timeout, log }: ProcessOptions): Clients {
  const all = new Set<Running>()

  const stop = async (running: Running) => {
    const { child, folder } = running
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(GRACE) }).catch(() => {})
    if (!running.ending) {
      signal(child, 'SIGTERM')
      await ended
    }
    signal(child, 'SIGKILL')
    all.delete(running)
    removeFolder(folder)
  }

  const start = (values: Record<string, string>, folder: string): Running => {
    const line = command.replace(/\{(\w+)\}/g, (text, name: string) => values[name] ?? text)
    // A group of its own, so that it ends with all that it has started.
    const options = { shell: true, detached: !isWindows, stdio: 'pipe' as const }
    const child = spawn(line, options)
    const running: Running = { child, folder, tail: '' }
    all.add(running)
    child.stdin.end()
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        running.tail = (running.tail + data.toString()).slice(-TAIL)
        if (log) appendFileSync(log, data)
      })
    }
    child.once('error', ({ message }) => {
      running.ending = `the client does not start: ${message}`
    })
    child.once('exit', (status, name) => {
      const how = name ? `by ${name}` : `with status ${status}`
      running.ending = `the client ended ${how}`
    })
    return running
  }

  /** @throws {ClientError} if it ends, or the time is over */
  const waitFor = async (client: Client, running: Running) => {
    const deadline = Date.now() + timeout
    for (;;) {
      try {
        return await client.call('eth_getBlockByNumber', ['0x0', false])
      } catch (error) {
        if (running.ending) throw new ClientError(running.ending + lastLine(running.tail))
        if (Date.now() > deadline) {
          const { message } = error as ClientError
          throw new ClientError(`the client is not there after ${timeout / 1000} s: ${message}`)
        }
      }
      await sleep(POLL)
    }
  }

  /** Starts a client. @returns it, or why there is none, and whether its port was taken meanwhile */
  const tryOpen = async (vector: Vector) => {
    const folder = mkdtempSync(join(tmpdir(), 'op-spec-test-'))
    const [genesis, jwt, datadir] = ['genesis.json', 'jwt.hex', 'datadir'].map((name) =>
      join(folder, name),
    )
    const secret = randomBytes(32)
    writeFileSync(genesis, JSON.stringify(genesisOf(vector)))
    writeFileSync(jwt, secret.toString('hex'))
    mkdirSync(datadir)
    const [port, http] = [`${await findPort()}`, `${await findPort()}`]
    const running = start({ genesis, jwt, datadir, port, http }, folder)
    const urlOf = (of: string) => `http://127.0.0.1:${of}`
    const eth = command.includes('{http}') ? urlOf(http) : undefined
    const client = createHTTPClient({ engine: urlOf(port), eth, secret, timeout })
    try {
      await waitFor(client, running)
      return { client, running }
    } catch (error) {
      await stop(running)
      return { error, isTaken: TAKEN.test(running.tail) }
    }
  }

  process.once('exit', () => {
    for (const { child, folder } of all) {
      signal(child, 'SIGKILL')
      removeFolder(folder)
    }
  })

  return {
    name: command,
    open: async (vector) => {
      let started = await tryOpen(vector)
      // Somebody else was faster.
      if ('isTaken' in started && started.isTaken) started = await tryOpen(vector)
      if ('error' in started) throw started.error
      const { client, running } = started
      const call: Client['call'] = async (method, params) => {
        try {
          return await client.call(method, params)
        } catch (error) {
          // The connection is closed a little before the process has ended.
          await sleep(POLL)
          const { message } = error as ClientError
          const ending = running.ending ? `; ${running.ending}${lastLine(running.tail)}` : ''
          throw new ClientError(message + ending)
        }
      }
      return { call, close: () => stop(running) }
    },
    close: async () => {
      await Promise.all([...all].map(stop))
    },
  }
}

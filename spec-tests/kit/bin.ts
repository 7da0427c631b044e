#!/usr/bin/env node
// What a run needs is loaded when it runs, so that help does not wait for cryptography.
import { readFileSync } from 'node:fs'
import { InvalidArgumentError, Option, program } from 'commander'
import type { CommandOptions } from './command.ts'
import { FORK_NAMES } from './forkNames.ts'

const manifest = new URL('../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

const EPILOGUE = `
Without --engine or --client the vectors are run in process, on ethereumjs-op.
PATH is a .json or .json.gz file, or a folder of such; by default the vectors of this package.

For --client, {genesis} is a genesis file, {jwt} a file with a new secret, {port} a free port for the
Engine API, {datadir} an empty folder, {http} a free port for eth_..., which else are asked on {port}.
Write exec before the last command, and && between commands: the shell runs them.

Standard output is TAP 14. A vector that is marked disputed and differs is a TODO there, and fails only
with --strict.

Exit status: 0 all passed; 1 something failed, or nothing was run; 2 wrong usage.`

/** @throws {InvalidArgumentError} if it is no number from `least` on */
const parseNumber = (least: number, isWhole: boolean) => (text: string) => {
  const value = Number(text)
  const isNumber = text.trim() !== '' && Number.isFinite(value)
  if (isNumber && value >= least && (!isWhole || Number.isInteger(value))) return value
  const kind = isWhole ? 'a whole number' : 'a number'
  throw new InvalidArgumentError(`It must be ${kind} from ${least} on.`)
}

function parseRegExp(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function parseURL(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('It must be an http:// or https:// URL.')
}

function parseShard(text: string) {
  const [index, count] = text.split('/').map(Number)
  const isShard = /^\d+\/\d+$/.test(text) && index >= 1 && index <= count
  if (!isShard) throw new InvalidArgumentError('It must be i/n, with i from 1 to n.')
  return { index, count }
}

program
  .name('op-spec-test')
  .description('Run the spec tests of the OP Stack against an execution client.')
  .version(version)
  .argument('[path...]', 'vectors')
  .option('--filter <regex>', 'only vectors whose name matches', parseRegExp)
  .addOption(new Option('--until <fork>', 'only chains without a later fork').choices(FORK_NAMES))
  .option('--shard <i/n>', 'only the i-th of n parts', parseShard)
  .option('--build', 'also build each payload that has attributes')
  .option('--engine <url>', 'a running client, of whose genesis the vectors are run', parseURL)
  .option('--jwt <file>', 'its secret, 32 bytes in hex')
  .option('--eth <url>', 'where it answers eth_..., if not on the port of the Engine API', parseURL)
  .option('--client <command>', 'start a client with this command for each genesis')
  .option('--jobs <number>', 'clients at a time, with --client', parseNumber(1, true), 1)
  .option('--timeout <seconds>', 'for a start, and for an answer', parseNumber(0.1, false), 60)
  .option('--strict', 'a disputed vector that differs has failed')
  .option('--junit <file>', 'write JUnit XML')
  .option('--results <file>', 'write a table into this Markdown page')
  .option('--name <text>', 'of the client in that page, if not what it calls itself')
  .option('--log <file>', 'add what started clients print to this file')
  .addHelpText('after', EPILOGUE)
  // A suggestion is on the same line as the error.
  .configureOutput({ outputError: (text, write) => write(text.replace(/\n(?=.)/g, ' ')) })
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
  .action(async (paths: string[], options: CommandOptions, command) => {
    const { UsageError, runCommand } = await import('./command.ts')
    try {
      process.exitCode = await runCommand(paths, options)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      command.error(`error: ${error.message}`)
    }
  })

// A reader of the output that has enough of it.
process.stdout.on('error', () => process.exit(1))
for (const [name, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(name, () => process.exit(128 + number))
}
await program.parseAsync()

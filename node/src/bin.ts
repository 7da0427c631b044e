#!/usr/bin/env node
// What a command needs is loaded when it runs, so that help does not wait for cryptography.
import { Argument, Option, program } from 'commander'
import type { DBFlags } from './commands/db.ts'
import {
  DB_SETTINGS,
  DEV_SETTINGS,
  type DevSettings,
  NODE_SETTINGS,
  type NodeSettings,
} from './config.ts'
import { addSettings, describeOption } from './flags.ts'
import { DEV_PREFIX, NODE_PREFIX, readInteger } from './settings.ts'
import { VERSION } from './version.ts'

const EPILOGUE = `
Exit status: 0 as expected; 1 a start fails or a block is wrong; 2 wrong usage, or nothing is known of
a block: its file cannot be read or lacks something.`

const NODE_EPILOGUE = `
Flags have precedence over environment variables, those over the config file, and that over defaults.
op-node needs the flags --l2=http://127.0.0.1:8551 --l2.jwt-secret=FILE --syncmode=consensus-layer.`

/** Where the value of a flag can come from, each with precedence over those before. */
const SOURCES = ['default', 'config', 'env', 'cli']

/** Ends the process before EthereumJS is loaded if its version is not the one this is made for. */
async function checkVersions() {
  const { findWrongVersions } = await import('./versions.ts')
  const problems = await findWrongVersions()
  if (problems.length === 0) return
  console.error(problems.join('\n'))
  process.exit(1)
}

program
  .name('ethereumjs-op')
  .description('An OP Stack execution client.')
  .version(VERSION)
  .addHelpText('after', EPILOGUE)
  .configureHelp({ optionDescription: describeOption })
  // A suggestion is on the same line as the error.
  .configureOutput({ outputError: (text, write) => write(text.replace(/\n(?=.)/g, ' ')) })
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
  .hook('preAction', checkVersions)

addSettings(program.command('node'), NODE_SETTINGS, { prefix: NODE_PREFIX })
  .description('run an execution client for op-node')
  .addHelpText('after', NODE_EPILOGUE)
  .action(async (settings: NodeSettings, command) => {
    const { genesis, dev } = settings
    if (!genesis && !dev) {
      const how = '`ethereumjs-op genesis --example > genesis.json` writes one of a local chain'
      command.error(`error: --genesis FILE is missing, the genesis file of the chain; ${how}`)
    }
    const rank = (name: string) => SOURCES.indexOf(command.getOptionValueSource(name))
    if (dev && rank('datadir') >= rank('dev'))
      command.error('error: --dev keeps nothing, so it does not go with --datadir')
    return (await import('./commands/node.ts')).runNode(settings)
  })
addSettings(program.command('dev'), DEV_SETTINGS, { prefix: DEV_PREFIX })
  .description('run a local chain')
  .action(async (settings: DevSettings) => (await import('./commands/dev.ts')).runDev(settings))
program
  .command('verify [what...]')
  .option('--json', 'one JSON object a line')
  .option(
    '--rpc <url>',
    'check blocks of an endpoint: BLOCK, FROM..TO or latest, the default; a further one must agree',
    (url: string, others: string[] = []) => [...others, url],
  )
  .option('--genesis <file>', 'genesis file of the chain, where its id is not known')
  .option('--trusted-hash <hash>', 'that the last block must have')
  .option('--follow', 'go on with each new block')
  .option('--seconds <n>', 'how long to follow', readInteger(1, 1e9))
  .option('--threads <n>', 'blocks at a time; by default one a core', readInteger(1, 256))
  .option('--rate <n>', 'requests a second at most', readInteger(1, 1e6))
  .option('--resume <file>', 'note there what is done, and leave out what is')
  .addOption(
    new Option(
      '--state <source>',
      'take the state from this alone; by default a witness, and proofs for what it lacks',
    ).choices(['witness', 'proofs']),
  )
  .description(
    'execute blocks, of .json or .json.gz files or of an endpoint, and compare the outcome',
  )
  .action(async (what: string[], flags, command) => {
    if (!flags.rpc) {
      if (what.length === 0) command.error('error: either files or --rpc must be given')
      return (await import('./commands/verify.ts')).verify(what, flags)
    }
    if (what.length > 1) command.error('error: --rpc goes with one BLOCK, FROM..TO or latest')
    return (await import('./commands/verifyRPC.ts')).verifyRPC(what[0] ?? 'latest', flags)
  })
program
  .command('genesis [file]')
  .option('--example [file]', 'print a genesis file of a local chain instead, or write it')
  .description('print the hash of the genesis block of a .json or .json.gz file')
  .action(async (path: string | undefined, { example }, command) => {
    if ((path === undefined) === (example === undefined))
      command.error('error: either a file or --example must be given')
    const { printGenesis, writeExample } = await import('./commands/genesis.ts')
    return path === undefined ? writeExample(example) : printGenesis(path)
  })
addSettings(program.command('db'), DB_SETTINGS, { prefix: NODE_PREFIX, others: NODE_SETTINGS })
  .addArgument(
    new Argument('<action>', 'what to do').choices(['stats', 'check', 'export', 'import']),
  )
  .argument('[file]', 'of blocks, compressed by gzip: for export and import')
  .option('--first <number>', 'first block to export', '1')
  .option('--last <number>', 'last block to export, by default the head')
  .description('look into a database, or move its blocks')
  .action(async (action: string, path: string | undefined, flags: DBFlags) =>
    (await import('./commands/db.ts')).runDB(action, flags, path),
  )
await program.parseAsync()

#!/usr/bin/env node
import { program } from 'commander'
import { VERSION } from './version.ts'

const EPILOGUE = `
A file is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed, or
the node cannot start; 2 wrong usage or a file that cannot be read.`

program
  .name('ethereumjs-op')
  .version(VERSION)
  .addHelpText('after', EPILOGUE)
  .showHelpAfterError()
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))

// What a command needs is loaded when it runs, so that help does not wait for cryptography.
program
  .command('node')
  .description('run an execution client for op-node')
  .requiredOption('--genesis <file>', 'geth-style genesis.json or .json.gz')
  .option('--datadir <folder>', 'where blocks and states are kept; without it nothing is kept')
  .option('--http.addr <host>', 'where eth_* is served to everyone', '127.0.0.1')
  .option('--http.port <port>', '0 takes any that is free', '8545')
  .option('--http.api <names>', 'what is served there; miner is for op-batcher', 'eth,net,web3')
  .option('--authrpc.addr <host>', 'where op-node calls', '127.0.0.1')
  .option('--authrpc.port <port>', '0 takes any that is free', '8551')
  .option('--authrpc.jwtsecret <file>', '32 bytes in hex; created if missing', 'jwtsecret')
  .action(async (flags) => (await import('./commands/node.ts')).runNode(flags))
program
  .command('dev [folder]')
  .description('run a local chain, kept in a folder or else in memory')
  .action(async (folder) => (await import('./commands/dev.ts')).runDev(folder))
program
  .command('verify <file...>')
  .option('--json', 'one JSON object a line')
  .description('execute blocks and compare the outcome')
  .action(async (paths, flags) => (await import('./commands/verify.ts')).verify(paths, flags))
program
  .command('genesis <file>')
  .description('print the hash of the genesis block')
  .action(async (path) => (await import('./commands/genesis.ts')).printGenesis(path))
await program.parseAsync()

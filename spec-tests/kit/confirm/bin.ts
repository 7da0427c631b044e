#!/usr/bin/env node
/** Asks op-geth and op-revm about the vectors: `npm run confirm`. */
import { fileURLToPath } from 'node:url'
import { program } from 'commander'
import { confirm, startWitnesses } from './confirm.ts'
import { REFERENCES, findPrograms } from './references.ts'

const VECTORS = fileURLToPath(new URL('../../vectors/', import.meta.url))

program
  .description('Check that what the vectors say of op-geth and op-revm is true.')
  .argument('[path]', 'a file of vectors, or a folder of them', VECTORS)
  .option('--write', 'write what they say into the vectors instead')
  .option('--filter <regex>', 'only vectors whose name matches', '')
  .action(async (path: string, { write, filter }: { write?: boolean; filter: string }) => {
    const programs = findPrograms()
    const witnesses = startWitnesses(programs)
    if (witnesses.length === 0) {
      console.log('Skipped: this machine has neither Go nor Rust.')
      return
    }
    const options = { write, filter: new RegExp(filter) }
    const { vectors, counts, failures } = await confirm(path, witnesses, options)
    for (const witness of witnesses) witness.close()
    for (const failure of failures) console.error(failure)
    for (const name of REFERENCES) {
      const kinds = Object.entries(counts[name] ?? {}).map(([kind, count]) => `${kind} ${count}`)
      console.log(`${name}: ${kinds.join(', ') || 'skipped, since it is not built'}`)
    }
    console.log(`${vectors} vectors, ${failures.length} failures`)
    process.exitCode = failures.length > 0 ? 1 : 0
  })
await program.parseAsync()

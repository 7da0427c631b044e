// node scripts/verify-variants.mjs: all real blocks, with and without patches, and with the fast
// cryptography and that of EthereumJS.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const folder = resolve(process.env.OP_FIXTURES ?? '../shared/fixtures', 'blocks')
const blocks = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
if (blocks.length === 0) {
  console.log(`no blocks at ${folder}: nothing to verify`)
  process.exit()
}
const unpatched = mkdtempSync(join(tmpdir(), 'unpatched-'))
const run = (name, ...args) => {
  console.log(name)
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
try {
  run('a copy without patches', 'scripts/unpatched.mjs', unpatched)
  for (const [name, directory] of Object.entries({ patched: '.', unpatched })) {
    const script = 'scripts/verify.mjs'
    run(`${name}, fast cryptography`, script, directory, ...blocks)
    run(`${name}, cryptography of EthereumJS`, script, '--default', directory, ...blocks)
  }
} finally {
  rmSync(unpatched, { recursive: true })
}

// node scripts/verify-unpatched.mjs: all real blocks on EthereumJS as published.
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
const directory = mkdtempSync(join(tmpdir(), 'unpatched-'))
const run = (...args) => spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
try {
  const main = join(directory, 'dist/main.js')
  process.exitCode = run('scripts/unpatched.mjs', directory) || run(main, 'verify', ...blocks)
} finally {
  rmSync(directory, { recursive: true })
}

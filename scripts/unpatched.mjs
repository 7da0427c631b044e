// node scripts/unpatched.mjs DIR: a copy of the built package in DIR on EthereumJS as published.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

const [directory] = process.argv.slice(2)
if (!directory) throw new Error('usage: node scripts/unpatched.mjs DIR')
const modules = join(resolve(directory), 'node_modules')
rmSync(directory, { recursive: true, force: true })
mkdirSync(modules, { recursive: true })
for (const name of ['package.json', 'dist', 'node', 'patches']) {
  cpSync(name, join(directory, name), { recursive: true })
}
/** Where the packages of this repository are, seen from the folder of the packages. */
const OWN = { 'ethereumjs-op': '..', 'ethereumjs-op-node': '../node' }
// Only the packages of EthereumJS must find the copies instead of the originals.
for (const name of readdirSync('node_modules')) {
  const from = resolve('node_modules', name)
  const to = join(modules, name)
  if (name === '@ethereumjs') cpSync(from, to, { recursive: true })
  else symlinkSync(OWN[name] ?? from, to)
}
const command = resolve('node_modules/patch-package/index.js')
execFileSync(process.execPath, [command, '--reverse', '--error-on-fail'], {
  cwd: directory,
  stdio: 'inherit',
})

/**
 * Writes the tables of flags in node/README.md, from the built command line. With `--check` fails
 * instead where they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DEV_SETTINGS, NODE_SETTINGS } from '../node/dist/config.js'
import { DEV_PREFIX, NODE_PREFIX, toVariable } from '../node/dist/settings.js'

const TABLES = {
  node: { settings: NODE_SETTINGS, prefix: NODE_PREFIX },
  dev: { settings: DEV_SETTINGS, prefix: DEV_PREFIX },
}

const CONFIG = { name: 'config', value: 'file', about: 'settings by their names, .json or .toml' }

function renderRow({ name, value, about, fallback, fallbackText }, prefix) {
  const text = fallbackText ?? (value ? `${fallback ?? ''}` : 'false')
  const flag = `\`--${name}${value ? ` ${value.toUpperCase()}` : ''}\``
  return `| ${flag} | \`${toVariable(name, prefix)}\` | ${text.replace('*', '\\*')} | ${about.replace('*', '\\*')} |`
}

/** The table of a command. */
function render({ settings, prefix }) {
  const rows = [...settings, CONFIG].map((setting) => renderRow(setting, prefix))
  return `| flag | environment | default | what it is |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

const path = fileURLToPath(new URL('../node/README.md', import.meta.url))
const old = readFileSync(path, 'utf8')
let page = old
for (const [name, table] of Object.entries(TABLES)) {
  const place = new RegExp(`(<!-- flags of ${name} -->\n)[^]*?(?=<!-- end -->)`)
  if (!place.test(page)) throw new Error(`node/README.md has no place for the flags of ${name}`)
  page = page.replace(place, (_, start) => `${start}\n${render(table)}\n`)
}
if (!process.argv.includes('--check')) writeFileSync(path, page)
else if (page !== old) {
  console.error('node/README.md is stale: npm run flags')
  process.exitCode = 1
}

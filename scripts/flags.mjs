/**
 * Writes the tables of flags in node/README.md and node/CROSSCHECK.md, from the built command line. With `--check` fails
 * instead where they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CROSSCHECK_SETTINGS, DEV_SETTINGS, NODE_SETTINGS } from '../node/dist/config.js'
import { CROSSCHECK_PREFIX, DEV_PREFIX, NODE_PREFIX, toVariable } from '../node/dist/settings.js'

/** Tables by page and command. */
const PAGES = {
  'node/README.md': {
    node: { settings: NODE_SETTINGS, prefix: NODE_PREFIX },
    dev: { settings: DEV_SETTINGS, prefix: DEV_PREFIX },
  },
  'node/CROSSCHECK.md': {
    crosscheck: { settings: CROSSCHECK_SETTINGS, prefix: CROSSCHECK_PREFIX },
  },
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

for (const [name, tables] of Object.entries(PAGES)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url))
  const old = readFileSync(path, 'utf8')
  let page = old
  for (const [command, table] of Object.entries(tables)) {
    const place = new RegExp(`(<!-- flags of ${command} -->\n)[^]*?(?=<!-- end -->)`)
    if (!place.test(page)) throw new Error(`${name} has no place for the flags of ${command}`)
    page = page.replace(place, (_, start) => `${start}\n${render(table)}\n`)
  }
  if (!process.argv.includes('--check')) writeFileSync(path, page)
  else if (page !== old) {
    console.error(`${name} is stale: npm run flags`)
    process.exitCode = 1
  }
}

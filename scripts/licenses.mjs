/**
 * Writes THIRD_PARTY_LICENSES.md: the licence of every package that is packed with this one. With
 * `--check` fails instead where it is stale.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** Whose packages that come without a licence file are, by the COPYRIGHT of github.com/herumi/mcl. */
const HOLDERS = {
  'mcl-wasm': '2015 MITSUNARI Shigeo',
}

/** Folders of the packages, as npm packs them; those of the workspace's own are not among them. */
function packedFolders() {
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json']
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
  const [{ files }] = JSON.parse(execFileSync('npm', args, { ...options, maxBuffer: 2 ** 26 }))
  return files
    .map(({ path }) => /^(.*\bnode_modules\/(@[^/]+\/)?[^/]+)\/package\.json$/.exec(path)?.[1])
    .filter(Boolean)
    .map((path) => `${root}${path}`)
}

/** The text of a licence as it is published, or the common one with the holder of the copyright. */
function readLicense(folder, { name, license }) {
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry))
  if (file) return readFileSync(`${folder}/${file}`, 'utf8')
  const { licenseText } = require(`spdx-license-list/licenses/${license}.json`)
  if (!/<(year|owner|copyright holders)>/.test(licenseText)) return licenseText
  if (!HOLDERS[name]) throw new Error(`${name} has no licence file and no known holder`)
  return licenseText.replace('<year> <owner>', HOLDERS[name])
}

/** The page. Packages with the same text, however it is wrapped, share it. */
function render() {
  const sections = new Map()
  for (const folder of packedFolders()) {
    const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
    const text = readLicense(folder, manifest).replaceAll('\r', '').trim()
    const line = `- ${manifest.name} ${manifest.version} (${manifest.license})`
    const words = text.replaceAll(/\s+/g, ' ')
    if (!sections.has(words)) sections.set(words, { text, lines: new Set() })
    sections.get(words).lines.add(line)
  }
  const parts = [...sections.values()].map(
    ({ text, lines }) => `${[...lines].sort().join('\n')}\n\n\`\`\`\`text\n${text}\n\`\`\`\`\n`,
  )
  return `# Licences of what is packed with ethereumjs-op

Written by \`npm run licenses\`. The packages are in \`node_modules\` of the packed package, as published,
apart from those of EthereumJS that \`patches/\` changes.

${parts.sort().join('\n')}`
}

const path = `${root}THIRD_PARTY_LICENSES.md`
const page = render()
if (!process.argv.includes('--check')) writeFileSync(path, page)
else if (readFileSync(path, 'utf8') !== page) {
  console.error('THIRD_PARTY_LICENSES.md is stale: npm run licenses')
  process.exitCode = 1
}

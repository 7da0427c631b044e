/**
 * Writes the counts in PORTING.md anew: lines of functions, and vectors of folders. With `--check` says
 * what is stale. A function counts with its first and last line, without blank ones and comments.
 */
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = `${ROOT}PORTING.md`

/** `prepareHeader` (`src/header.ts`, 38 lines) */
const FUNCTIONS = /`(\w+)` \(`(src\/[\w./]+)`,(\s)(\d+) lines?\)/g

/** `spec-tests/vectors/fees` (120 vectors) */
const VECTORS = /`(spec-tests\/vectors\/[\w./-]+)` \((\d+) vectors?\)/g

/** Lines of code in the declaration of a function with this name, wherever it is in the file. */
export function countFunction(file, name) {
  const source = ts.createSourceFile(
    file,
    readFileSync(`${ROOT}${file}`, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  )
  let found
  const visit = (node) => {
    const isFunction = ts.isFunctionDeclaration(node) || ts.isVariableStatement(node)
    const declared = ts.isVariableStatement(node) ? node.declarationList.declarations[0] : node
    if (isFunction && declared.name?.getText(source) === name) found ??= node
    ts.forEachChild(node, visit)
  }
  visit(source)
  if (!found) throw new Error(`${file} has no function ${name}`)
  const lines = found.getText(source).split('\n')
  return lines.filter((line) => line.trim() !== '' && !/^\s*(\/\/|\/?\*)/.test(line)).length
}

/** Vectors in a file, or in all files below a folder. */
export function countVectors(path) {
  const full = `${ROOT}${path}`
  if (!existsSync(full)) throw new Error(`there is no ${path}`)
  if (statSync(full).isDirectory()) {
    const names = readdirSync(full).map((name) => countVectors(`${path}/${name}`))
    return names.reduce((sum, count) => sum + count, 0)
  }
  const bytes = readFileSync(full)
  return Object.keys(JSON.parse(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)).length
}

/** The page with the right counts. @throws if it names a function or folder that is not there */
export const renderPorting = (page) =>
  page
    .replace(FUNCTIONS, (_, name, file, gap) => {
      const count = countFunction(file, name)
      return `\`${name}\` (\`${file}\`,${gap}${count} ${count === 1 ? 'line' : 'lines'})`
    })
    .replace(VECTORS, (_, path) => `\`${path}\` (${countVectors(path)} vectors)`)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = readFileSync(PAGE, 'utf8')
  const right = renderPorting(page)
  if (!process.argv.includes('--check')) writeFileSync(PAGE, right)
  else if (right !== page) {
    console.error('PORTING.md is stale: npm run porting')
    process.exitCode = 1
  }
}

#!/usr/bin/env node
/** Writes the vectors: `npm run fill`, or with `--check` compares them with what is there. */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { program } from 'commander'
import { findFiles, readText } from '../files.ts'
import type { VectorFile } from '../vector.ts'
import { TOPICS } from './cases/index.ts'
import { type Topic, fillCase } from './topic.ts'

const FOLDER = fileURLToPath(new URL('../../vectors/', import.meta.url))

/** From this size in bytes on, a file is compressed. */
const LARGE = 2 ** 17

/** What a file holds now, if there is one. */
function readExisting(path: string): VectorFile {
  const existing = [path, `${path}.gz`].find((name) => existsSync(name))
  return existing ? JSON.parse(readText(existing)) : {}
}

/** Vectors without what others say of them. */
function withoutWitnesses(file: VectorFile): string {
  const bare = structuredClone(file)
  for (const { _info } of Object.values(bare)) _info.witnesses = {}
  return JSON.stringify(bare)
}

/** What other clients say stays, where the vector stays as it is. */
function keepWitnesses(file: VectorFile, before: VectorFile) {
  for (const [name, vector] of Object.entries(file)) {
    const old = before[name]
    if (old && withoutWitnesses({ old }) === withoutWitnesses({ old: vector })) {
      vector._info.witnesses = old._info.witnesses
    }
  }
}

/** Writes a file, compressed where it is large; one that is the same already stays. */
export function writeVectors(path: string, file: VectorFile) {
  const text = `${JSON.stringify(file, null, 1)}\n`
  const isLarge = text.length >= LARGE
  const target = isLarge ? `${path}.gz` : path
  if (existsSync(target) && readText(target) === text) return
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, isLarge ? gzipSync(text, { level: 9 }) : text)
  rmSync(isLarge ? path : `${path}.gz`, { force: true })
}

async function fillTopic(topic: Topic): Promise<VectorFile> {
  const file: VectorFile = {}
  for (const test of topic.cases) Object.assign(file, await fillCase(topic, test))
  return file
}

program
  .description('Make the vectors anew from the cases.')
  .option('--check', 'write nothing, and fail if a vector is not what its case makes')
  .option('--filter <regex>', 'only files whose path matches', '')
  .action(async ({ check, filter }: { check?: boolean; filter: string }) => {
    const topics = TOPICS.filter(({ path }) => new RegExp(filter).test(path))
    const known = new Set<string>()
    let count = 0
    let bad = 0
    for (const topic of topics) {
      const path = `${FOLDER}${topic.path}.json`
      known.add(topic.path)
      const before = readExisting(path)
      const file = await fillTopic(topic)
      count += Object.keys(file).length
      keepWitnesses(file, before)
      if (!check) writeVectors(path, file)
      else if (JSON.stringify(before) !== JSON.stringify(file)) {
        bad++
        console.error(`${topic.path}: not what the cases make: run npm run fill`)
      }
    }
    const others = filter || !existsSync(FOLDER) ? [] : findFiles(FOLDER)
    let size = 0
    for (const path of others) {
      size += statSync(path).size
      const name = relative(FOLDER, path).replace(/\.json(\.gz)?$/, '')
      if (known.has(name) || name.startsWith('found/')) continue
      if (check) bad++
      else rmSync(path)
      console.error(`${name}: no case makes it`)
    }
    console.log(`${count} vectors in ${topics.length} files, ${(size / 1e6).toFixed(1)} MB`)
    process.exitCode = bad > 0 ? 1 : 0
  })
await program.parseAsync()

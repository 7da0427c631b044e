/**
 * node scripts/patches-newest.mjs [VERSION]: tries each patch on the newest published version of
 * its package, or on VERSION. Exit status: 0 if all apply, 1 if one does not or on no network.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const [wanted = 'latest'] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'patches-'))
// Git must not take the folder for part of a repository around it.
const options = {
  cwd: directory,
  encoding: 'utf8',
  env: { ...process.env, LC_ALL: 'C', GIT_CEILING_DIRECTORIES: tmpdir() },
}

/** Downloads a package to where the patch expects it. @returns its version */
function download(name) {
  const args = ['pack', `${name}@${wanted}`, '--loglevel=error', '--ignore-scripts']
  const { status, stdout, stderr, error } = spawnSync('npm', args, options)
  if (status !== 0) {
    const lines = stderr.trim().split('\n')
    const reason =
      error?.message ?? lines.find((line) => / 404 |failed, reason/.test(line)) ?? stderr
    throw new Error(`cannot download ${name}@${wanted}: is there a network?\n${reason}`)
  }
  const target = join(directory, 'node_modules', name)
  mkdirSync(target, { recursive: true })
  const tarball = stdout.trim().split('\n').at(-1)
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', target], options)
  return JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')).version
}

try {
  for (const file of readdirSync('patches').filter((name) => name.endsWith('.patch'))) {
    const [, name, pinned] = /^(.+)\+(.+)\.patch$/.exec(file)
    const version = download(name.replace('+', '/'))
    const args = ['apply', '--reject', '--verbose', resolve('patches', file)]
    const { status, stderr } = spawnSync('git', args, options)
    const what = `${name.replace('+', '/')} ${version} (patch for ${pinned})`
    console.log(`${what}: ${status === 0 ? 'applies' : 'does not apply'}`)
    if (status === 0) continue
    process.exitCode = 1
    let path = ''
    for (const line of stderr.split('\n')) {
      path = /^Checking patch (.+?)\.\.\./.exec(line)?.[1] ?? path
      path = /^Applying patch (.+?) with/.exec(line)?.[1] ?? path
      if (/^(Rejected hunk|error: (?!patch failed|while))/.test(line))
        console.log(`  ${path}: ${line}`)
    }
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}

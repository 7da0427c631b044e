import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Begins the names of files that are not whole yet. */
const PART = '.part-'

/** Makes sure that what was done with names in a folder stays after a loss of power, where the system can. */
async function syncFolder(folder: string) {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Writes a file, and its folder where there is none, so that it is there as a whole or not at all, whenever
 * the process or the machine ends.
 *
 * @throws if the system refuses; what there was stays
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  const part = `${folder}/${PART}${process.pid}-${Math.random().toString(36).slice(2)}`
  await mkdir(folder, { recursive: true })
  try {
    const handle = await open(part, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(folder)
}

/** Removes what writes left behind that never ended. */
export async function removeParts(folder: string): Promise<void> {
  const parts = (await readdir(folder)).filter((name) => name.startsWith(PART))
  await Promise.all(parts.map((name) => rm(`${folder}/${name}`, { force: true })))
}

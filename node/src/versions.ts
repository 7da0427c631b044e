import { createRequire } from 'node:module'
import { join } from 'node:path'
import check from 'check-dependencies'

/**
 * What is wrong with the packages that `ethereumjs-op` runs on: it is made for exact versions of
 * EthereumJS. Loads none of them, for a wrong one may lack what is imported from it.
 *
 * @returns lines that name a package, or none
 */
export async function findWrongVersions(): Promise<string[]> {
  const main = createRequire(import.meta.url).resolve('ethereumjs-op')
  const packageDir = join(main, '..', '..', '..')
  try {
    const { depsWereOk, error } = await check({ packageDir, scopeList: ['dependencies'] })
    return depsWereOk ? [] : error
  } catch (error) {
    return [(error as Error).message]
  }
}

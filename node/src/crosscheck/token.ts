import { createHmac, timingSafeEqual } from 'node:crypto'

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

// Elsewhere jose does this, by WebCrypto, which waits for a thread of the pool that this process has for
// files and for the watchman's database. A disk that hangs must not keep op-node waiting, so here it is
// done at once.
const sign = (secret: Uint8Array, text: string) =>
  createHmac('sha256', secret).update(text).digest()

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })

/** A token for the Engine API, which counts as fresh for a minute. */
export function createToken(secret: Uint8Array, now = Date.now()): string {
  const text = `${HEADER}.${encode({ iat: Math.floor(now / 1000) })}`
  return `${text}.${sign(secret, text).toString('base64url')}`
}

/** An object in base64url; nothing if it is none. */
function decode(text: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch {
    return undefined
  }
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
export function hasToken(secret: Uint8Array, authorization = '', now = Date.now()): boolean {
  const [, header, claims, signature] =
    /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(authorization) ?? []
  if (signature === undefined) return false
  const [due, given] = [sign(secret, `${header}.${claims}`), Buffer.from(signature, 'base64url')]
  if (due.length !== given.length || !timingSafeEqual(due, given)) return false
  const { iat, exp } = decode(claims) ?? {}
  const isFresh = typeof iat === 'number' && Math.abs(now / 1000 - iat) <= MAX_TOKEN_AGE
  const isOver = exp !== undefined && !(typeof exp === 'number' && exp > now / 1000)
  return decode(header)?.alg === 'HS256' && isFresh && !isOver
}

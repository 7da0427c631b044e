import { jwtVerify } from 'jose/jwt/verify'

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** What those are told who are not let in. */
export const UNAUTHORIZED = 'the token is missing, not fresh or not of this secret'

const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

/** Keys by their secrets: to make one takes longer than to use it. */
const keys = new WeakMap<Uint8Array, ReturnType<typeof importKey>>()
const importKey = (secret: Uint8Array) =>
  crypto.subtle.importKey('raw', secret, ALGORITHM, false, ['verify'])

async function keyOf(secret: Uint8Array) {
  const key = keys.get(secret) ?? importKey(secret)
  keys.set(secret, key)
  return key
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
export async function isAuthorized(secret: Uint8Array, authorization = ''): Promise<boolean> {
  const [scheme, token] = authorization.split(' ')
  const key = await keyOf(secret)
  const verified = await jwtVerify(token, key, { algorithms: ['HS256'] }).catch(() => undefined)
  const age = Math.abs(Date.now() / 1000 - (verified?.payload.iat ?? Infinity))
  return scheme === 'Bearer' && age <= MAX_TOKEN_AGE
}

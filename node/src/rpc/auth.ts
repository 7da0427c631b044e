import { jwtVerify } from 'jose'

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** What those are told who are not let in. */
export const UNAUTHORIZED = 'the token is missing, not fresh or not of this secret'

/** Whether a request has a fresh token that is signed with the secret (E-51). */
export async function isAuthorized(secret: Uint8Array, authorization = ''): Promise<boolean> {
  const [scheme, token] = authorization.split(' ')
  const verified = await jwtVerify(token, secret, { algorithms: ['HS256'] }).catch(() => undefined)
  const age = Math.abs(Date.now() / 1000 - (verified?.payload.iat ?? Infinity))
  return scheme === 'Bearer' && age <= MAX_TOKEN_AGE
}

/**
 * The endpoint does not answer, or not with what was asked for: nothing is known about the block. The
 * message names the endpoint and what is wrong.
 */
export class EndpointError extends Error {
  override name = 'EndpointError'
}

/** What endpoint or file says contradicts itself, or what was computed here: a lie or a fault, and which. */
export class MismatchError extends Error {
  override name = 'MismatchError'
}

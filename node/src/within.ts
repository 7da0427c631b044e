/** Requests with an end. Runs in browsers as well. */
import pTimeout from 'p-timeout'

/**
 * Does something that can be aborted, and ends it when its time is over, or when a signal says so.
 *
 * `fetch` alone does not do: in Node it may forget its signal while it reads a body, and a signal made by
 * `AbortSignal.any` once nothing else holds it, and goes on for five minutes.
 *
 * @see https://github.com/nodejs/undici/issues/3644
 * @param milliseconds - for all of it
 * @param act - to be aborted by the signal that it is given
 * @param signal - ends it early
 * @throws an error with the name `TimeoutError` if it takes longer
 */
export async function within<T>(
  milliseconds: number,
  act: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController()
  try {
    return await pTimeout(act(controller.signal), { milliseconds, signal })
  } finally {
    controller.abort()
  }
}

import type { IncomingMessage } from 'node:http'

/**
 * Reads what somebody sends.
 *
 * @returns text; nothing if it is longer than `maxBytes`, and then the rest of it is still to come
 * @throws if it ends too early
 */
export function readBody(incoming: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) return end(() => resolve(undefined))
      chunks.push(chunk)
    }
    const onEnd = () => {
      const [first] = chunks
      end(() => resolve((chunks.length === 1 ? first : Buffer.concat(chunks)).toString()))
    }
    const onError = (error: Error) => end(() => reject(error))
    const onClose = () => onError(new Error('the request ended too early'))
    function end(settle: () => void) {
      incoming.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
      settle()
    }
    if (incoming.destroyed) return onClose()
    if (Number(incoming.headers['content-length']) > maxBytes) return resolve(undefined)
    incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}

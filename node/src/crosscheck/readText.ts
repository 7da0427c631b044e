import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { Reply } from './engines.ts'

/** Most bytes of an answer that can be compared; there are no payloads as long as that. */
const MAX_BYTES = 128 * 2 ** 20

/** By the names that `content-encoding` has for them. */
const DECODERS: Record<
  string,
  (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>
> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** The text of an answer, which may be compressed. @throws if it cannot be read, or is too long */
export async function readText({ headers, body }: Reply): Promise<string> {
  const at = headers.findIndex((name, index) => index % 2 === 0 && /^content-encoding$/i.test(name))
  const encoding = at < 0 ? 'identity' : headers[at + 1].trim().toLowerCase()
  if (body.length > MAX_BYTES) throw new Error('its answer is too long to compare')
  if (encoding === 'identity') return body.toString()
  const decode = DECODERS[encoding]
  if (!decode) throw new Error(`its answer is encoded as ${encoding}`)
  try {
    return (await decode(body, { maxOutputLength: MAX_BYTES })).toString()
  } catch (error) {
    throw new Error(`its answer cannot be decompressed: ${(error as Error).message}`)
  }
}

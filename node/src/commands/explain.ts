/**
 * What went wrong at a start, for people, in one line.
 *
 * @param settings - of which one may be the port that is taken
 */
export function explain(error: unknown, settings: Record<string, unknown>): string {
  const { message, code, address, port } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
  }
  if (code !== 'EADDRINUSE') return message.replaceAll(/\s*\n\s*/g, ' ')
  const isPort = ([name, value]: [string, unknown]) => /port$/i.test(name) && value === port
  const [name] = Object.entries(settings).find(isPort) ?? []
  const flag = name?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const how = flag ? `; --${flag} takes another` : ''
  return `port ${port} of ${address} is taken by another process${how}`
}

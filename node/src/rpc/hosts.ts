// Who may call: browsers say by which name they call (Host), and whose page does (Origin).
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/**
 * Whether a port may be called by the name in a Host header. Otherwise a web page could have its own
 * name point at the port (DNS rebinding). Programs that send no name are no browsers.
 */
export function isKnownHost(vhosts: string[], header: string | undefined): boolean {
  if (!header || vhosts.includes('*')) return true
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header) ?? []
  const name = (bracketed ?? plain).toLowerCase()
  return isIP(name) !== 0 || vhosts.some((vhost) => vhost.toLowerCase() === name)
}

interface Origin {
  scheme?: string
  name: string
  port?: string
}

/** Reads `http://localhost:3000`, or a rule that leaves the scheme or the port open. */
function readOrigin(text: string): Origin | undefined {
  const form = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?\/?$/
  const [match, scheme, name, port] = form.exec(text.toLowerCase()) ?? []
  return match ? { scheme, name, port } : undefined
}

/** Where web pages of this machine come from. */
const OWN_ORIGINS = ['http://localhost', `http://${hostname()}`]

/**
 * Whether a web page of this origin may connect; where a rule names no scheme or port, any will do.
 * Programs that send none are no browsers.
 */
export function isKnownOrigin(rules: string[], header: string | undefined): boolean {
  if (header === undefined || rules.includes('*')) return true
  const origin = readOrigin(header)
  const known = rules.length > 0 ? rules : OWN_ORIGINS
  return known.map(readOrigin).some((rule) => {
    if (!rule || !origin) return false
    const isScheme = !rule.scheme || rule.scheme === origin.scheme
    return isScheme && rule.name === origin.name && (!rule.port || rule.port === origin.port)
  })
}

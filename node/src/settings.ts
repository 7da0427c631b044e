// What a setting is, and how its text is read.
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { parseDuration } from './duration.ts'
import { findFault } from './options.ts'

/** A flag, which is also an environment variable and a key of the config file. */
export interface Setting {
  /** As on the command line, without the dashes; the other two names follow from it. */
  name: string
  /** What its value is called in help; a setting without one is on or off. */
  value?: string
  /** What it means, in one line. */
  about: string
  /** Heading under which help has it. */
  group: string
  /** Its value if nobody gives one. */
  fallback?: string | number | string[]
  /** The same in words, where it depends on the machine or on other settings. */
  fallbackText?: string
  /** It may be given several times, and means all of them. Has no fallback. */
  isList?: boolean
  /** What a text means, which else is taken as it is. @throws if it has another form */
  read?: (text: string) => string | number | string[]
}

/** Beginnings of the names of environment variables; those of other commands must not move a node's data. */
export const NODE_PREFIX = 'ETHEREUMJS_OP_'
export const DEV_PREFIX = 'ETHEREUMJS_OP_DEV_'
export const CROSSCHECK_PREFIX = 'ETHEREUMJS_OP_CROSSCHECK_'

/** What the environment variable of a setting is called. */
export const toVariable = (name: string, prefix: string): string =>
  `${prefix}${name.toUpperCase().replaceAll(/[.-]/g, '_')}`

/** The `datadir` that keeps nothing. */
export const MEMORY = 'memory'

/** Name of the file of the secret in the data directory. */
export const SECRET_FILE = 'jwt.hex'

/** A reader of whole numbers. */
export function readInteger(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

/** Milliseconds of a duration. */
export function readDuration(text: string): number {
  const milliseconds = parseDuration(text)
  if (milliseconds !== undefined) return milliseconds
  throw new InvalidArgumentError('It must be a duration as 5s, 500ms or 1m30s, or 0.')
}

export const readPort = readInteger(0, 65_535)

/** A reader of one of these words. */
export function readChoice(choices: string[]) {
  return (text: string): string => {
    if (choices.includes(text)) return text
    throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`)
  }
}

/** A text that is not empty. */
export function readText(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It is empty.')
}

/** Names between commas; there may be none. */
export const readNames = (text: string): string[] => [
  ...new Set(
    text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  ),
]

export function readNamespaces(text: string): string[] {
  const names = readNames(text)
  const fault = findFault(names)
  if (fault) throw new InvalidArgumentError(fault)
  return names
}

/** Says why it cannot be, so that nobody looks for it in the other flags. */
export function refuseNetwork(): never {
  throw new InvalidArgumentError(
    'Public chains cannot be synced: there are no peers and no snapshots here, so that all blocks since ' +
      'the first would have to be executed, of which the oldest follow other rules. Give the genesis ' +
      'file of a chain of yours by --genesis.',
  )
}

/** Where data is kept unless somebody says otherwise, by the customs of the system. */
export function findDatadir(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
  home = homedir(),
): string {
  const { XDG_DATA_HOME = '', LOCALAPPDATA = join(home, 'AppData', 'Local') } = env
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(home, 'Library', 'Application Support'),
    win32: LOCALAPPDATA,
  }
  const usual = folders[platform] ?? join(home, '.local', 'share')
  // A path that is not absolute is none, says the specification of these variables.
  return join(isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : usual, 'ethereumjs-op')
}

import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Setting, toVariable } from './settings.ts'
import { readFlat } from './files.ts'

/** What a text means for a setting that is on or off. */
function readSwitch(text: string): boolean {
  const meaning = { true: true, '1': true, false: false, '0': false }[text]
  if (meaning === undefined) throw new InvalidArgumentError('It must be true or false.')
  return meaning
}

/** The flag of a setting. */
function toOption(setting: Setting, prefix: string): Option {
  const { name, value, about, group, fallback, fallbackText, isList, read = String } = setting
  // With a value that may be left out, false can be said too: in the environment, or over a file.
  const option = new Option(`--${name} ${value ? `<${value}>` : '[true|false]'}`, about)
  option.env(toVariable(name, prefix)).helpGroup(group)
  if (!value) return option.argParser(readSwitch).preset('true').default(false)
  const text = fallbackText ?? fallback?.toString()
  const readMore = (added: string, before: unknown) => [before ?? [], read(added)].flat()
  return option.argParser<unknown>(isList ? readMore : read).default(fallback, text)
}

/** A value of a config file as it would be written on the command line. */
function toText(value: unknown): string {
  const list = [value].flat()
  const isPlain = list.every((item) => ['string', 'number', 'boolean'].includes(typeof item))
  if (!isPlain) throw new InvalidArgumentError('It must be text, a number, true, false or a list.')
  return list.join(',')
}

/** See {@link addSettings}. */
interface SettingsOptions {
  /** With which the names of the variables begin. */
  prefix: string
  /** What a config file may say too, for it is that of another command. */
  others?: Setting[]
}

/** Takes from a config file what neither a flag nor the environment says. @throws if it does not fit */
function applyFile(command: Command, path: string, options: Option[], others: Setting[]) {
  for (const [key, value] of Object.entries(readFlat(path))) {
    const option = options.find(({ long }) => long === `--${key}`)
    if (!option && others.some(({ name }) => name === key)) continue
    if (!option) throw new Error(`${path}: there is no setting '${key}'`)
    const name = option.attributeName()
    try {
      const meaning: unknown = option.parseArg!(toText(value), undefined as never)
      const source = command.getOptionValueSource(name) ?? 'default'
      if (source === 'default') command.setOptionValueWithSource(name, meaning, 'config')
    } catch (error) {
      throw new Error(`${path}: '${key}' is invalid. ${(error as Error).message}`)
    }
  }
}

/** What help says of a flag: what it is for, its default, and its variable. */
export function describeOption(option: Option): string {
  const { description, defaultValueDescription: text, envVar } = option
  const notes = [text && `default ${text}`, envVar].filter(Boolean)
  return notes.length > 0 ? `${description} (${notes.join('; ')})` : description
}

/**
 * Gives settings to a command as flags, environment variables and keys of a config file, of which each
 * has precedence over those after it.
 */
export function addSettings(
  command: Command,
  settings: Setting[],
  { prefix, others = [] }: SettingsOptions,
): Command {
  const options = settings.map((setting) => toOption(setting, prefix))
  for (const option of options) command.addOption(option)
  const config = new Option('--config <file>', 'settings by their names, .json or .toml')
  command.addOption(config.env(toVariable('config', prefix)).helpGroup('Options:'))
  return command.hook('preAction', () => {
    const path: string | undefined = command.opts().config
    if (path === undefined) return
    try {
      applyFile(command, path, options, others)
    } catch (error) {
      command.error(`error: ${(error as Error).message}`)
    }
  })
}

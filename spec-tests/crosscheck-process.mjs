// Runs a watchman for a test, which may kill it. The first line of standard input is its options, each
// further one an exchange; lines of standard output are its alarms, and how far it is.
import { createInterface } from 'node:readline'
import { startWatchman } from '../node/dist/crosscheck/watchman.js'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const say = (message) => console.log(JSON.stringify(message))
let watchman

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  if (watchman) {
    watchman.note(message)
    continue
  }
  const onAlarm = async (alarm) => say({ alarm })
  const onProgress = (progress) => say({ progress })
  watchman = await startWatchman({ ...message, log, onAlarm, onProgress })
  say({ progress: watchman.progress() })
}
await watchman?.close()

// Writes blocks, one transaction each; see writer.ts. It loads the database and nothing else.
import { parentPort, workerData } from 'node:worker_threads'
import { Packr } from 'msgpackr'
import { openTables, writeBlock } from './tables.ts'
import type { WriteAnswer, WriteRequest } from './writer.ts'

const packr = new Packr({ useRecords: false })
const tables = openTables(workerData as string)
let failedRound = -1

function* toPairs(list: (string | Uint8Array)[]): Generator<[string, Uint8Array]> {
  for (let index = 0; index < list.length; index += 2) {
    yield [list[index] as string, list[index + 1] as Uint8Array]
  }
}

function write({ bytes }: WriteRequest) {
  const [number, hash, header, body, nodes] = packr.unpack(bytes)
  tables.root.transactionSync(() =>
    writeBlock(tables, { number, hash, header, body }, toPairs(nodes)),
  )
}

parentPort!.on('message', async (request: WriteRequest | 'close') => {
  if (request === 'close') {
    await tables.root.close()
    process.exit()
  }
  const { round } = request
  if (round === failedRound) return
  const answer: WriteAnswer = { round }
  try {
    write(request)
  } catch (error) {
    failedRound = round
    answer.error = (error as Error).message
  }
  parentPort!.postMessage(answer)
})

// Part of `npm run build`: the node's package brings the genesis file of the local chain.
import { copyFileSync } from 'node:fs'

copyFileSync(
  new URL('../examples/genesis.json', import.meta.url),
  new URL('../node/dist/genesis.json', import.meta.url),
)

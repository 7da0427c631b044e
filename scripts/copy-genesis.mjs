// Ends `npm run build`: the node's package brings the genesis file of the local chain, and `npx` can
// run the commands, for npm has linked them before there were files to make executable.
import { chmodSync, copyFileSync } from 'node:fs'

copyFileSync(
  new URL('../examples/genesis.json', import.meta.url),
  new URL('../node/dist/genesis.json', import.meta.url),
)
for (const name of ['node', 'spec-tests']) {
  chmodSync(new URL(`../${name}/dist/bin.js`, import.meta.url), 0o755)
}

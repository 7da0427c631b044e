import type { Genesis } from 'ethereumjs-op/blockchain'
import {
  type PrefixedHexString as Hex,
  createAddressFromPrivateKey,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import { VERSION } from '../version.ts'
import { CONTRACT_NAMES } from './contracts.ts'

/** Of the mnemonic "test test test test test test test test test test test junk". */
const PRIVATE_KEYS: Hex[] = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
  '0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a',
  '0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba',
  '0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e',
  '0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356',
  '0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97',
  '0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6',
]

/** What the first screen says of a chain. */
export interface Screen {
  genesis: Genesis
  /** Of `eth_*` over HTTP, and over WebSocket. */
  url: string
  wsURL: string
  engineURL: string
  depositURL: string
  /** Folder of the chain, if it is kept. */
  datadir?: string
  /** Seconds. */
  blockTime: number
}

/** All that somebody needs who sees the local chain for the first time. */
export function renderScreen(screen: Screen): string {
  const { genesis, url, wsURL, engineURL, depositURL, datadir, blockTime } = screen
  const alloc = genesis.alloc ?? {}
  const accounts = PRIVATE_KEYS.map((key) => {
    const address = `${createAddressFromPrivateKey(hexToBytes(key))}`
    const ether = BigInt(alloc[address]?.balance ?? 0) / 10n ** 18n
    return `  ${address}  ${key}  ${ether} ETH`
  })
  const contracts = Object.entries(alloc)
    .filter(([, { code = '0x' }]) => code !== '0x')
    .map(([address]) => `  ${address}  ${CONTRACT_NAMES[address.toLowerCase()] ?? ''}`.trimEnd())
  const [key] = PRIVATE_KEYS
  const [from] = accounts[0].trim().split(' ')
  const to = '0x00000000000000000000000000000000000000aa'
  const wei = 10n ** 18n
  const deposit = `{"from":"${from}","to":"${to}","mint":"${wei}","value":"${wei}"}`
  return `ethereumjs-op ${VERSION}: local chain with id ${genesis.config?.chainId}, a block every ${blockTime} s

  HTTP      ${url}
  WebSocket ${wsURL}
  Engine    ${engineURL}
  Deposits  ${depositURL}
  Data      ${datadir ?? 'in memory, gone when this stops'}

Accounts, their private keys and what they had in block 0
${accounts.join('\n')}
  Anyone knows these keys: never send them anything on another chain.

Contracts
${contracts.join('\n')}

To send a transaction (cast is of Foundry; in a checkout of this project, npx cast):
  cast send --rpc-url ${url} --private-key ${key} ${to} --value 1ether
To deposit from L1:
  curl -H 'content-type: application/json' -d '${deposit}' ${depositURL}
To stop: Ctrl+C
`
}

import {
  RLP,
  Common,
  Hoodi,
  concatBytes,
  createTxFromRPC,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Unchecked } from './fields.ts'

export async function encodeTransaction(json: Unchecked): Promise<Uint8Array> {
  if (json.type === '0x7e') {
    const q = (v: unknown) => BigInt((v ?? 0) as string)
    const f = [
      json.sourceHash,
      json.from,
      json.to ?? '0x',
      q(json.mint),
      q(json.value),
      q(json.gas),
      Number(json.isSystemTx ?? 0),
      json.input,
    ]
    return concatBytes(Uint8Array.of(0x7e), RLP.encode(f as never))
  }
  const chainId = Number(json.chainId ?? 1)
  const common = new Common({ chain: { ...Hoodi, chainId }, hardfork: 'prague' })
  const tx = await createTxFromRPC(json as never, { common, allowUnlimitedInitCodeSize: true })
  return tx.serialize()
}
void hexToBytes

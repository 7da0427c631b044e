// node examples/deposit.mjs TO WEI: deposits ether for TO, as the portal contract on L1 would.
const [to, wei] = process.argv.slice(2)
if (!wei) {
  console.error('usage: node examples/deposit.mjs TO WEI')
  process.exit(2)
}
// The sender on L2 is who called the portal on L1: here the first test account.
const from = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
const response = await fetch('http://127.0.0.1:8552', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ from, to, mint: wei, value: wei }),
})
const { transactionHash, error } = await response.json()
if (error) console.error(error)
else console.log(transactionHash)
process.exitCode = error ? 1 : 0

/** A process that calls exported functions of the modules beside it; see `startWorker`. */
const reply = (message) => process.send(message)
const fail = (error) => reply({ error: error?.message ?? String(error) })

process.on('message', ({ module, name, args }) => {
  import(module).then((exports) => exports[name](...args)).then((value) => reply({ value }), fail)
})
// EthereumJS's own state manager ends so, with a call that never returns, where a node is missing.
process.on('unhandledRejection', fail)
process.on('disconnect', () => process.exit())

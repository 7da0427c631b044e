// Exit status 0 if the node in this container is well, by its settings in the environment. With other
// ports by flags or a file, give the URL: node healthcheck.mjs http://127.0.0.1:9545/health
const { ETHEREUMJS_OP_HTTP_PORT: port = 8545 } = process.env
const [url = `http://127.0.0.1:${port}/health`] = process.argv.slice(2)
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) })
  console.log(response.status, await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  console.error(error.cause?.message ?? error.message)
  process.exitCode = 1
}

/**
 * Builds the page that verifies blocks into web/dist; with `--serve` also serves it on 127.0.0.1.
 */
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { context } from 'esbuild'

const root = fileURLToPath(new URL('../web/', import.meta.url))
const port = Number(process.env.PORT ?? 8600)
const outdir = `${root}dist`

rmSync(outdir, { recursive: true, force: true })
const build = await context({
  entryPoints: [`${root}src/page.ts`, `${root}src/worker.ts`],
  outdir,
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // Names of the parts that are loaded later.
  chunkNames: 'part-[hash]',
})
await build.rebuild()
for (const name of ['index.html', 'style.css']) cpSync(`${root}${name}`, `${outdir}/${name}`)
if (process.argv.includes('--serve')) {
  await build.serve({ servedir: outdir, host: '127.0.0.1', port })
  console.log(`http://127.0.0.1:${port}/?follow verifies the blocks of http://127.0.0.1:8545`)
} else await build.dispose()

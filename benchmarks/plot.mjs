/** A bar chart as SVG: Mgas/s of each real block in each variant. */
import { CLOCK } from './common.mjs'
import { NAMES } from './blocks.mjs'

const COLORS = { patched: '#0b6e4f', unpatched: '#6bbf95', stock: '#b8b8b8' }
const [LEFT, TOP, ROW, BAR, WIDTH] = [150, 56, 38, 10, 560]

/** The chart of what `measureBlocks` returned. */
export function plotBlocks({ blocks }, caption) {
  const speed = (row, variant) => row[variant] && row.gas / 1e6 / row[variant][CLOCK]
  const variants = Object.keys(NAMES)
  const speeds = blocks.flatMap((row) => variants.map((variant) => speed(row, variant) ?? 0))
  const step = 10 ** Math.floor(Math.log10(Math.max(...speeds)))
  const end = Math.ceil(Math.max(...speeds) / step) * step
  const x = (value) => (LEFT + (value / end) * WIDTH).toFixed(1)
  const bottom = TOP + blocks.length * ROW
  const text = (x, y, words, extra = '') => `<text x="${x}" y="${y}" ${extra}>${words}</text>`
  const ticks = Array.from({ length: 6 }, (_, index) => (end / 5) * index)
  const parts = [
    text(8, 18, `Mgas/s of each real block, ${caption}`, 'font-weight="bold"'),
    ...variants.flatMap((variant, index) => [
      `<rect x="${LEFT + index * 190}" y="28" width="12" height="12" fill="${COLORS[variant]}"/>`,
      text(LEFT + index * 190 + 18, 38, NAMES[variant]),
    ]),
    ...ticks.flatMap((value) => [
      `<path d="M${x(value)} ${TOP - 4}V${bottom}" stroke="#ddd"/>`,
      text(x(value), bottom + 14, Number(value.toFixed(1)), 'text-anchor="middle"'),
    ]),
  ]
  for (const [index, row] of blocks.entries()) {
    const y = TOP + index * ROW
    const label = `${row.number} · ${(row.gas / 1e6).toFixed(1)} Mgas`
    parts.push(text(LEFT - 8, y + 20, label, 'text-anchor="end"'))
    for (const [bar, variant] of variants.entries()) {
      const value = speed(row, variant)
      if (!value) continue
      const [width, top] = [((value / end) * WIDTH).toFixed(1), y + bar * BAR]
      parts.push(
        `<rect x="${LEFT}" y="${top}" width="${width}" height="${BAR - 1}" fill="${COLORS[variant]}"/>`,
        text(Number(x(value)) + 4, top + 8, value.toFixed(1), 'font-size="9"'),
      )
    }
  }
  const size = `width="${LEFT + WIDTH + 40}" height="${bottom + 24}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">
<title>Mgas/s of each real block</title>
<rect width="100%" height="100%" fill="white"/>
${parts.join('\n')}
</svg>
`
}

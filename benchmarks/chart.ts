/** Line charts as SVG: enough for curves of a few series, with labelled axes, a grid and a legend. */

export interface Axis {
  /** With the unit. */
  readonly label: string
  /** A logarithmic axis leaves out what is not above zero; a linear one begins at zero. */
  readonly scale: 'linear' | 'log'
}

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Chart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Vertical lines, and what they mean. */
  readonly marks?: { readonly name: string; readonly at: readonly number[] }
}

const WIDTH = 420
const HEIGHT = 270
/** Of a chart's area, around its plot. */
const MARGIN = { top: 34, right: 16, bottom: 62, left: 62 }
const HEADER = 34
const COLOURS = ['#1f5fa8', '#c2571a', '#2c7a4b', '#7a3e9d', '#8a6d00', '#555555']
const GRID = '#dddddd'
const TEXT = '#222222'

/** A page of charts, so many in a row, under one title. The background is white: a page's own may be dark. */
export function drawCharts(title: string, charts: readonly Chart[], columns: number): string {
  const width = WIDTH * Math.min(columns, Math.max(1, charts.length))
  const height = HEADER + HEIGHT * Math.ceil(charts.length / columns)
  const drawn = charts.map((chart, i) =>
    `<g transform="translate(${(i % columns) * WIDTH},${HEADER + Math.floor(i / columns) * HEIGHT})">\n${drawChart(chart)}\n</g>`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="${TEXT}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="12" y="22" font-size="14" font-weight="bold">${escaped(title)}</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n')
}

function drawChart({ title, x, y, series, marks }: Chart): string {
  const shown = series.map(({ name, points }) => ({ name, points: points.filter(([px, py]) => isShown(px, x) && isShown(py, y)) }))
  const all = shown.flatMap(({ points }) => points)
  const lines = [`<text x="${MARGIN.left}" y="20" font-size="12" font-weight="bold">${escaped(title)}</text>`]
  if (all.length === 0) {
    return [...lines, `<text x="${MARGIN.left}" y="60">nothing was measured</text>`].join('\n')
  }
  const right = WIDTH - MARGIN.right
  const bottom = HEIGHT - MARGIN.bottom
  const horizontal = scaled(x, all.map(([px]) => px), MARGIN.left, right, true)
  const vertical = scaled(y, all.map(([, py]) => py), bottom, MARGIN.top, false)
  for (const tick of horizontal.ticks) {
    const at = fixed(horizontal.at(tick))
    lines.push(`<line x1="${at}" y1="${MARGIN.top}" x2="${at}" y2="${bottom}" stroke="${GRID}"/>`, `<text x="${at}" y="${bottom + 14}" text-anchor="middle">${short(tick)}</text>`)
  }
  for (const tick of vertical.ticks) {
    const at = fixed(vertical.at(tick))
    lines.push(`<line x1="${MARGIN.left}" y1="${at}" x2="${right}" y2="${at}" stroke="${GRID}"/>`, `<text x="${MARGIN.left - 6}" y="${at + 4}" text-anchor="end">${short(tick)}</text>`)
  }
  for (const mark of marks?.at.filter((at) => isShown(at, x)) ?? []) {
    const at = fixed(horizontal.at(mark))
    lines.push(`<line x1="${at}" y1="${MARGIN.top}" x2="${at}" y2="${bottom}" stroke="#b00020" stroke-dasharray="2 3"/>`)
  }
  shown.forEach(({ points }, i) => {
    const places = points.map(([px, py]) => `${fixed(horizontal.at(px))},${fixed(vertical.at(py))}`)
    lines.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${colour(i)}" stroke-width="1.6"/>`)
    // Dots where one can tell them apart.
    if (points.length <= 20) {
      lines.push(...places.map((place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="2.4" fill="${colour(i)}"/>`))
    }
  })
  const middle = (MARGIN.top + bottom) / 2
  lines.push(
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 30}" text-anchor="middle">${escaped(x.label)}</text>`,
    `<text transform="translate(14,${middle}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
  )
  return [...lines, ...legend(shown.map(({ name }) => name), marks?.name)].join('\n')
}

function legend(names: readonly string[], mark: string | undefined): string[] {
  const entries = [...(names.length > 1 ? names.map((name, i) => ({ name, colour: colour(i) })) : []), ...(mark === undefined ? [] : [{ name: mark, colour: '#b00020' }])]
  const step = (WIDTH - MARGIN.left - MARGIN.right) / Math.max(1, entries.length)
  return entries.map(({ name, colour: fill }, i) =>
    `<rect x="${fixed(MARGIN.left + i * step)}" y="${HEIGHT - 18}" width="9" height="9" fill="${fill}"/><text x="${fixed(MARGIN.left + i * step + 13)}" y="${HEIGHT - 10}">${escaped(name)}</text>`)
}

interface Scaled {
  readonly ticks: readonly number[]
  at(value: number): number
}

/** `own`: the ticks of a logarithmic axis are the measured points themselves, as long as they are few. */
function scaled(axis: Axis, values: readonly number[], from: number, to: number, own: boolean): Scaled {
  if (axis.scale === 'linear') {
    const low = Math.min(0, ...values)
    const ticks = linearTicks(low, Math.max(low + 1e-9, ...values))
    const high = Math.max(ticks.at(-1) ?? 1, ...values)
    return { ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) }
  }
  const distinct = [...new Set(values)].sort((a, b) => a - b)
  const [least, most] = [distinct[0]!, distinct.at(-1)!]
  const ticks = own && distinct.length <= 8 ? distinct : logarithmicTicks(least, most)
  const low = Math.log(Math.min(least, ticks[0]!))
  const high = Math.max(Math.log(Math.max(most, ticks.at(-1)!)), low + 1e-9)
  return { ticks, at: (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from) }
}

/** About five round steps that cover the range. */
export function linearTicks(low: number, high: number): number[] {
  const raw = (high - low) / 5
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  const step = magnitude * ([1, 2, 5, 10].find((factor) => factor * magnitude >= raw) ?? 10)
  const first = Math.floor(low / step)
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** Decades, and 2 and 5 between them where they are few. */
export function logarithmicTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low))
  const last = Math.ceil(Math.log10(high))
  const factors = last - first <= 2 ? [1, 2, 5] : [1]
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => factors.map((factor) => Number((factor * 10 ** (first + i)).toPrecision(12)))).flat()
  const begin = Math.max(0, ticks.findLastIndex((tick) => tick <= low))
  const end = ticks.findIndex((tick) => tick >= high)
  return ticks.slice(begin, end + 1)
}

function isShown(value: number, axis: Axis): boolean {
  return Number.isFinite(value) && (axis.scale === 'linear' || value > 0)
}

/** 1,500,000 as 1.5 M. */
function short(value: number): string {
  const [divisor, unit] = Math.abs(value) >= 1e6 ? [1e6, ' M'] : Math.abs(value) >= 1e4 ? [1e3, ' k'] : [1, '']
  return `${Number((value / divisor).toPrecision(4))}${unit}`
}

function colour(series: number): string {
  return COLOURS[series % COLOURS.length]!
}

function fixed(value: number): number {
  return Number(value.toFixed(1))
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

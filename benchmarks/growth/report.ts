/** The growth curves as lines, as a table and as charts. */
import { type Chart, drawCharts } from '../chart.ts'
import type { PointRow } from './measure.ts'
import { AXES, type Axis, BASE } from './options.ts'

const AXIS_LABELS: { readonly [axis in Axis]: string } = { partitions: 'partitions', keys: 'keys in the state', valueBytes: 'size of a value, bytes' }

const METRICS = [
  { title: 'throughput', label: 'records a second', of: (row: PointRow) => row.recordsPerSecond },
  { title: 'CPU', label: 'CPU per record, µs', of: (row: PointRow) => row.cpuMicrosPerRecord },
  { title: 'memory', label: 'peak resident, MiB', of: (row: PointRow) => row.rssMiB },
  { title: 'restore', label: 'start to RUNNING, seconds', of: (row: PointRow) => row.restoreSeconds },
] as const

export function describePoint(row: PointRow): string {
  const where = `${String(row.partitions).padStart(2)} partitions  ${String(row.keys).padStart(8)} keys  ${String(row.valueBytes).padStart(6)} B`
  const found = `${String(row.recordsPerSecond).padStart(7)} records/s  ${row.cpuMicrosPerRecord.toFixed(1).padStart(6)} µs CPU  ${String(row.rssMiB).padStart(5)} MiB`
  return `${where}  ${found}  restored in ${row.restoreSeconds.toFixed(1)} s (${row.restoreRecordsPerSecond}/s)  other load ${row.otherCores.toFixed(1)} cores  ${
    row.outputs === 'right' ? 'outputs right' : `OUTPUTS WRONG: ${row.outputs.join('; ')}`}`
}

/** A table for each axis, in Markdown. */
export function tables(rows: readonly PointRow[]): string {
  return AXES.filter((axis) => rows.some((row) => row.axis === axis)).map((axis) => [
    `| ${AXIS_LABELS[axis]} | records worked off | records/s | CPU µs/record | peak RSS MiB | restore s | restored records/s | other load, cores |`,
    '|---|---|---|---|---|---|---|---|',
    ...along(rows, axis).map((row) =>
      `| ${[row[axis], row.records, row.recordsPerSecond].map(grouped).join(' | ')} | ${row.cpuMicrosPerRecord.toFixed(1)} | ${row.rssMiB} | ${row.restoreSeconds.toFixed(1)} | ${grouped(row.restoreRecordsPerSecond)} | ${row.otherCores.toFixed(1)} |`),
  ].join('\n')).join('\n\n')
}

export function drawGrowth(rows: readonly PointRow[]): string {
  const charts = METRICS.flatMap(({ title, label, of }) => AXES.map((axis): Chart => ({
    title: `${title} over ${AXIS_LABELS[axis].split(',')[0]}`,
    x: { label: AXIS_LABELS[axis], scale: 'log' },
    // along the size of values everything but memory spans decades
    y: { label, scale: axis === 'valueBytes' && title !== 'memory' ? 'log' : 'linear' },
    series: [{ name: 'Millrace', points: along(rows, axis).map((row) => [row[axis], of(row)] as const) }],
  })))
  return drawCharts(`How Millrace grows (one thread; not varied: ${BASE.partitions} partitions, ${grouped(BASE.keys)} keys, values of ${BASE.valueBytes} bytes)`, charts, AXES.length)
}

function along(rows: readonly PointRow[], axis: Axis): PointRow[] {
  return rows.filter((row) => row.axis === axis).sort((a, b) => a[axis] - b[axis])
}

function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

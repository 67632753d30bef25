// The growth curves: what must come out of an input that no truth is kept of, the plan, the charts.
import t from 'tap'
import { drawCharts, linearTicks, logarithmicTicks } from '../../benchmarks/chart.ts'
import { amountOf, GrowthCheck, type GrowthEvent, growthRecord, keyIndexOf } from '../../benchmarks/growth/input.ts'
import { parseGrowthOptions, planOf } from '../../benchmarks/growth/options.ts'
import { drawGrowth, tables } from '../../benchmarks/growth/report.ts'

const KEYS = 300
const EVENTS = 2_000

/** What a right processor writes. */
function rightOutputs(): [string, { count: number; sum: number; last: number }][] {
  const states = new Map<string, { count: number; sum: number; last: number }>()
  return Array.from({ length: EVENTS }, (_, n) => {
    const { id, value } = growthRecord(n, KEYS, 100, 0)
    const { seq, amount } = JSON.parse(value.toString()) as GrowthEvent
    const before = states.get(id)
    const state = { count: (before?.count ?? 0) + 1, sum: (before?.sum ?? 0) + amount, last: seq }
    states.set(id, state)
    return [id, state]
  })
}

function problemsOf(outputs: ReturnType<typeof rightOutputs>): string[] {
  const check = new GrowthCheck(KEYS, EVENTS)
  for (const [key, state] of outputs) {
    check.add(key, JSON.stringify({ ...state, note: '' }))
  }
  return check.problems()
}

t.test('the first events fill every key once, all have their size', async (t) => {
  for (const keys of [300, 10_000]) {
    t.equal(new Set(Array.from({ length: keys }, (_, seq) => keyIndexOf(seq, keys))).size, keys)
  }
  const later = new Set(Array.from({ length: 2_000 }, (_, n) => keyIndexOf(KEYS + n, KEYS)))
  t.ok(later.size > KEYS * 0.98, `${later.size} of ${KEYS} keys are hit later`)
  for (const bytes of [100, 1_000, 100_000]) {
    t.equal(growthRecord(9_999_999, 10_000_000, bytes, 0).value.length, bytes)
  }
  t.throws(() => growthRecord(0, 10, 20, 0), RangeError)
  t.equal(amountOf(97), 1)
})

t.test('a lost, doubled, reordered or changed output is found', async (t) => {
  t.same(problemsOf(rightOutputs()), [])
  const lost = rightOutputs()
  lost.splice(EVENTS - 1, 1)
  t.match(problemsOf(lost).join('\n'), /1999 outputs instead of 2000/)
  const doubled = rightOutputs()
  doubled.splice(7, 1, doubled[6]!)
  t.match(problemsOf(doubled).join('\n'), /do not follow/)
  const changed = rightOutputs()
  changed[9] = [changed[9]![0], { ...changed[9]![1], sum: 1_000 }]
  t.match(problemsOf(changed).join('\n'), /do not follow/)
  const reordered = rightOutputs()
  const second = reordered.findIndex(([key], n) => n > 0 && key === reordered[0]![0])
  ;[reordered[0], reordered[second]] = [reordered[second]!, reordered[0]!]
  t.match(problemsOf(reordered).join('\n'), /do not follow/)
})

t.test('the plan begins with the least work and keeps large values to few records', async (t) => {
  const plan = planOf(parseGrowthOptions([]))
  t.equal(plan.length, 15)
  t.same(plan.at(-1), { axis: 'keys', partitions: 4, keys: 10_000_000, valueBytes: 100, records: 500_000 })
  t.match(plan.find(({ valueBytes }) => valueBytes === 100_000), { keys: 3_000, records: 3_000 })
  t.match(parseGrowthOptions(['--partitions', '1,4', '--minutes', '2', '--draw']), { points: { partitions: [1, 4] }, budgetMinutes: 2, draw: true })
  for (const wrong of [['--keys', '0'], ['--value-bytes', '10'], ['--partitions', ''], ['x']]) {
    t.throws(() => parseGrowthOptions(wrong), { name: 'UsageError' }, wrong.join(' '))
  }
})

t.test('rows become tables and charts', async (t) => {
  const row = (partitions: number) => ({
    axis: 'partitions' as const, partitions, keys: 100_000, valueBytes: 100, records: 300_000, recordsPerSecond: 100_000 / partitions, cpuMicrosPerRecord: partitions,
    rssMiB: 300, restoreSeconds: 2, restoreRecordsPerSecond: 50_000, otherCores: 0.5, outputs: 'right' as const
  })
  const rows = [row(64), row(1)]
  t.match(tables(rows), /\| 1 \| 300,000 \| 100,000 \|.*\n\| 64 \|/)
  const svg = drawGrowth(rows)
  t.equal(svg.match(/<polyline/g)?.length, 4, 'four figures along one axis')
  t.match(svg, /nothing was measured/)
  t.notMatch(svg, /NaN|undefined/)
})

t.test('axes have round ticks around all values', async (t) => {
  t.same(linearTicks(0, 47), [0, 10, 20, 30, 40, 50])
  t.same(linearTicks(0, 0.3), [0, 0.1, 0.2, 0.3])
  t.same(logarithmicTicks(3, 9_000), [1, 10, 100, 1_000, 10_000])
  t.same(logarithmicTicks(9, 60), [5, 10, 20, 50, 100])
  const svg = drawCharts('a < b', [{
    title: '"c" & d', x: { label: 'x', scale: 'linear' }, y: { label: 'y', scale: 'log' }, marks: { name: 'kill', at: [1] },
    series: [{ name: 'e', points: [[0, 1], [1, 0], [2, 10]] }, { name: 'f', points: [[0, 5], [2, Number.NaN]] }]
  }], 1)
  t.match(svg, /a &lt; b/)
  t.match(svg, /&quot;c&quot; &amp; d/)
  t.notMatch(svg, /NaN|Infinity/)
})

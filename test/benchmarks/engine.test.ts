// The parts of the engine benchmark that decide whether its figures can be believed.
import t from 'tap'
import { type DocumentState, EventSequence, encodeEvent, nextState, PARTITIONS, partitionOf, truth, VALUE_BYTES, XorShift32 } from '../../benchmarks/engine/events.ts'
import { parseOptions, USUAL, WORKLOADS } from '../../benchmarks/engine/options.ts'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from '../../benchmarks/engine/process-usage.ts'
import { bars, isFullSize, makeReport, median, type Row, type RunRow } from '../../benchmarks/engine/report.ts'
import { steadyPart } from '../../benchmarks/engine/throughput.ts'
import { StateCheck } from '../../benchmarks/engine/workloads/keyed-rmw.ts'

const RECORDS = 5_000
const KEYS = 300

/** What a right processor writes, key by key in order. */
function rightOutputs(): [string, DocumentState][] {
  const events = new EventSequence(KEYS)
  const states = new Map<string, DocumentState>()
  return Array.from({ length: RECORDS }, (_, i) => {
    const event = events.next(i)
    const state = nextState(states.get(event.id), event)
    states.set(event.id, state)
    return [event.id, state]
  })
}

function problemsOf(outputs: readonly [string, DocumentState][]): string[] {
  const check = new StateCheck(truth(RECORDS, KEYS))
  for (const [key, state] of outputs) {
    check.add(key, JSON.stringify(state))
  }
  return check.problems()
}

t.test('the input is the same each time, of one size, and fills all partitions', async (t) => {
  const [a, b] = [new EventSequence(KEYS), new EventSequence(KEYS)]
  const perPartition = new Array<number>(PARTITIONS).fill(0)
  for (let i = 0; i < RECORDS; i++) {
    const event = a.next(1_790_000_000_000_000 + i)
    const bytes = encodeEvent(event)
    const again = encodeEvent(b.next(1_790_000_000_000_000 + i))
    if (bytes.length !== VALUE_BYTES || !bytes.equals(again)) {
      t.fail(`event ${i}: ${bytes.length} bytes, ${again.length} the second time`)
    }
    if (i % 500 === 0) {
      t.same({ ...JSON.parse(bytes.toString()), note: '' }, event)
    }
    perPartition[partitionOf(event.id)]!++
  }
  for (const count of perPartition) {
    t.ok(count > (RECORDS / PARTITIONS) * 0.7, `${count} records in a partition`)
  }
  t.equal(truth(RECORDS, KEYS).final.size, KEYS)
})

t.test('xorshift32 gives its published sequence', async (t) => {
  const random = new XorShift32(1)
  t.same([random.next(), random.next(), random.next()], [270_369, 67_634_689, 2_647_435_461])
})

t.test('right outputs are right, in whatever order keys interleave', async (t) => {
  t.same(problemsOf(rightOutputs()), [])
  const byKey = Map.groupBy(rightOutputs(), ([key]) => key)
  t.same(problemsOf([...byKey.values()].flat()), [])
})

t.test('a lost, doubled, reordered, changed or foreign output is found', async (t) => {
  const lost = rightOutputs()
  lost.splice(1_000, 1)
  t.match(problemsOf(lost).join('\n'), /4999 outputs instead of 5000/)

  const doubled = rightOutputs()
  doubled.splice(1_000, 0, doubled[999]!)
  t.match(problemsOf(doubled).join('\n'), /1 outputs do not follow/)

  const lastOfKey = rightOutputs()
  const at = lastOfKey.findLastIndex(([key]) => key === lastOfKey[0]![0])
  lastOfKey.splice(at, 1)
  t.match(problemsOf(lastOfKey).join('\n'), /1 of 300 keys end with a wrong/)

  const reordered = rightOutputs()
  const first = reordered[0]!
  const second = reordered.findIndex(([key], i) => i > 0 && key === first[0])
  ;[reordered[0], reordered[second]] = [reordered[second]!, first]
  t.match(problemsOf(reordered).join('\n'), /do not follow/)

  const changed = rightOutputs()
  changed[7] = [changed[7]![0], { ...changed[7]![1], pages: changed[7]![1].pages + 1 }]
  t.match(problemsOf(changed).join('\n'), /the sum of pages/)

  const foreign: [string, DocumentState][] = [...rightOutputs(), ['doc-nobody', { count: 1, pages: 0, last: 0, at: 0 }]]
  t.match(problemsOf(foreign).join('\n'), /1 keys that were never sent/)
})

t.test('the steady part leaves out the beginning and the end', async (t) => {
  // A first quarter at 100 offsets a second, the rest at 1000; a microsecond of CPU per offset at first, then half of one.
  const moments = [{ at: 0, ends: [0, 0], cpu: 0, busy: 0 }]
  for (let i = 1; i <= 25; i++) {
    moments.push({ at: i * 100, ends: [i * 5, i * 5], cpu: i * 10, busy: 0 })
  }
  for (let i = 1; i <= 75; i++) {
    moments.push({ at: 2_500 + i * 10, ends: [125 + i * 5, 125 + i * 5], cpu: 250 + i * 5, busy: 0 })
  }
  const steady = steadyPart(moments, 1_000)
  t.equal(Math.round(steady.recordsPerSecond), 1_000)
  t.equal(steady.cpuMicrosPerRecord, 0.5)
})

const row = (workload: Row['workload'], engine: Row['engine'], more: Partial<Row>): Row => ({
  workload, engine, threads: 1, guarantee: 'exactly_once_v2', recordsPerSecond: 5_000, cpuMicrosPerRecord: 50, rssMiB: 300,
  steadyRecordsPerSecond: null, steadyCpuMicrosPerRecord: null, p50Ms: null, p99Ms: null, maxMs: null, failoverMs: null, ...more
})

t.test('bars are judged on the medians of both engines', async (t) => {
  const rows = [
    row('keyed-rmw', 'millrace', { recordsPerSecond: 100_000, cpuMicrosPerRecord: 7 }),
    row('keyed-rmw', 'java', { recordsPerSecond: 100_000, cpuMicrosPerRecord: 10 }),
    row('latency-5k', 'millrace', { p99Ms: 50, rssMiB: 310 }),
    row('latency-5k', 'java', { p99Ms: 100 }),
  ]
  const held = (some: readonly Row[]) => bars(some).filter(({ aim }) => !aim).map(({ value, met }) => [value, met])
  t.same(held(rows), [[1, true], [0.7, true], [1, true], [0.5, false], [1.033, false]])
  t.same(bars(rows).filter(({ aim }) => aim).map(({ name, met }) => [name, met]), [
    ["keyed-rmw: CPU per record / Java's", false], ['keyed-rmw: memory, MiB', true], ['latency-5k: p99 ms', false], ['latency-5k: memory, MiB', false],
  ])
  const two = [
    row('stateless-map', 'millrace', { threads: 2, recordsPerSecond: 120_000, cpuMicrosPerRecord: 5 }),
    row('stateless-map', 'java', { threads: 2, recordsPerSecond: 100_000, cpuMicrosPerRecord: 10 }),
  ]
  t.same(held([...rows, ...two]).slice(5), [[1.2, false], [0.5, true], [1, true]], 'of two threads 1.3 times as much is asked')
  t.same(bars([two[0]!, { ...two[1]!, threads: 1 }]), [], 'threads are held against as many')
  t.same(bars(rows.filter(({ engine }) => engine === 'millrace')), [], 'one engine alone is not judged')
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
})

t.test('a report has one row of medians per workload and engine, and all runs', async (t) => {
  const run = (number: number, engine: Row['engine'], recordsPerSecond: number): RunRow => ({
    ...row('keyed-rmw', engine, { recordsPerSecond }), run: number, outputs: 'right', otherCores: 0
  })
  const runs = [run(1, 'millrace', 3), run(1, 'java', 30), run(2, 'millrace', 1), run(2, 'java', 10), run(3, 'millrace', 2), run(3, 'java', 20)]
  const report = makeReport(runs, parseOptions([]), [{ name: 'millrace', version: 'this checkout' }, { name: 'java', version: '4.3.1' }])
  t.same(report.rows.map(({ engine, recordsPerSecond, p99Ms }) => [engine, recordsPerSecond, p99Ms]), [['millrace', 2, null], ['java', 20, null]])
  t.equal(report.runs.length, 6)
  t.match(report, { kafkaStreams: '4.3.1', quixStreams: null })
})

t.test('options: defaults are the full size; what cannot be followed is refused', async (t) => {
  const options = parseOptions([])
  t.match(options, { records: 1_000_000, keys: 100_000, runs: 3, threads: [1], engines: ['millrace', 'java'], ratePerSecond: undefined, workloads: USUAL })
  t.same(parseOptions(['--workload', 'all']).workloads, WORKLOADS)
  t.same(parseOptions(['--workload', 'restore,latency-10k']).workloads, ['restore', 'latency-10k'])
  t.ok(isFullSize(options))
  t.notOk(isFullSize(parseOptions(['--records', '50000'])))
  t.match(parseOptions(['--engine', 'java', '--workload', 'latency-5k', '--json', 'x.json']), { engines: ['java'], workloads: ['latency-5k'], json: 'x.json' })
  t.match(parseOptions(['--threads', '1,2', '--engine', 'millrace,quix-streams']), { threads: [1, 2], engines: ['millrace', 'quix-streams'] })
  for (const wrong of [['--threads', '1,0'], ['--records', 'many'], ['--records', '10'], ['--runs', '0'], ['--engine', 'flink'], ['--workload', 'x'], ['--speed'], ['more']]) {
    t.throws(() => parseOptions(wrong), { name: 'UsageError' }, wrong.join(' '))
  }
})

t.test('the kernel knows what this process has used', async (t) => {
  const [cpu, busy] = [cpuMicroseconds(process.pid), machineBusyMicroseconds()]
  const until = process.cpuUsage().user + 60_000
  let work = 0
  while (process.cpuUsage().user < until) {
    work += Math.sqrt(work + 1)
  }
  const used = cpuMicroseconds(process.pid) - cpu
  t.ok(used >= 40_000 && used < 10_000_000, `${used} µs for at least 60,000 of work`)
  t.ok(machineBusyMicroseconds() - busy >= 40_000)
  t.ok(peakMemoryMiB(process.pid) >= Math.floor(process.memoryUsage().rss / 2 ** 20) - 1)
})

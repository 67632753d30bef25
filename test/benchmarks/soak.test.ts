// The soak: its truth, which grows with the input, and its verdict on memory.
import t from 'tap'
import { type DocumentEvent, nextState, type DocumentState, WINDOW_MS } from '../../benchmarks/engine/events.ts'
import { folderMiB, openFiles, residentMiB, threadsOf } from '../../benchmarks/engine/process-usage.ts'
import { type Approval, APPROVAL_WINDOW_MS, SoakInput } from '../../benchmarks/soak/input.ts'
import { parseSoakOptions } from '../../benchmarks/soak/options.ts'
import { drawSoak, judge, type Sample, type SoakResult, summary, table } from '../../benchmarks/soak/report.ts'

const KEYS = 50
const EVENTS = 600
/** µs; 20 ms apart, so that approvals meet other events of their key, too. */
const STEP = 20_000

interface Output {
  readonly topic: 'states' | 'counts' | 'joined'
  readonly key: string
  readonly value: object
}

/** The three topologies by brute force. */
function run(): { readonly input: SoakInput; readonly right: Output[] } {
  const input = new SoakInput(KEYS)
  const right: Output[] = []
  const states = new Map<string, DocumentState>()
  const counts = new Map<string, number>()
  const events: { id: string; at: number; seq: number }[] = []
  const approvals: { id: string; at: number; approval: number }[] = []
  for (let n = 0; n < EVENTS; n++) {
    for (const { topic, id, value, timestamp } of input.next(1_000_000_000_000 + n * STEP)) {
      if (topic === 'approvals') {
        approvals.push({ id, at: timestamp, approval: (value as Approval).approval })
        continue
      }
      const event = value as DocumentEvent
      events.push({ id, at: timestamp, seq: event.seq })
      const state = nextState(states.get(id), event)
      states.set(id, state)
      right.push({ topic: 'states', key: id, value: state })
      const window = `${event.tenant}|${event.type}@${Math.floor(timestamp / WINDOW_MS) * WINDOW_MS}`
      counts.set(window, (counts.get(window) ?? 0) + 1)
      right.push({ topic: 'counts', key: window, value: { result: counts.get(window) } })
    }
  }
  for (const { id, at, approval } of approvals) {
    for (const event of events.filter((other) => other.id === id && Math.abs(other.at - at) <= APPROVAL_WINDOW_MS)) {
      right.push({ topic: 'joined', key: id, value: { approval, event: event.seq } })
    }
  }
  return { input, right }
}

function problemsOf(change: (outputs: Output[]) => void): { problems: string; complete: boolean } {
  const { input, right } = run()
  change(right)
  for (const { topic, key, value } of right) {
    input.add(topic, key, JSON.stringify(value))
  }
  return { problems: input.problems().join('\n'), complete: input.isComplete }
}

t.test('right outputs are right; a lost, doubled or wrong one of any kind is found', async (t) => {
  t.same(problemsOf(() => {}), { problems: '', complete: true })
  t.ok(run().right.filter(({ topic }) => topic === 'joined').length > EVENTS / 4, 'approvals meet more than their own event')
  for (const topic of ['states', 'counts', 'joined'] as const) {
    const lost = problemsOf((outputs) => outputs.splice(outputs.findLastIndex((output) => output.topic === topic), 1))
    t.match(lost, { problems: new RegExp(`^${topic}: `), complete: false }, `a lost one of ${topic}`)
    const doubled = problemsOf((outputs) => outputs.push(outputs.findLast((output) => output.topic === topic)!))
    t.match(doubled.problems, new RegExp(`^${topic}: `), `a doubled one of ${topic}`)
  }
  const foreign = problemsOf((outputs) => outputs.push({ topic: 'joined', key: 'doc-000000000001', value: { approval: 0, event: 590 } }))
  t.match(foreign.problems, /joined: 1 pairs twice, or that do not belong together/)
})

function samples(of: (minute: number) => number): Sample[] {
  return Array.from({ length: 60 * 12 }, (_, i) => ({
    seconds: i * 5, lag: 0,
    instances: [{ name: 'survivor', pid: 1, rssMiB: of(i / 12), storeMemoryMiB: 200, diskMiB: 10, threads: 20, files: 100, cpu: 0 }],
  }))
}

t.test('memory that rises after the first quarter is told, a plateau is not', async (t) => {
  const held = (of: (minute: number) => number, limits = { minutes: 60, storeMemoryMiB: 256 }) => judge(samples(of), limits).map((each) => each.held)
  t.same(held((minute) => Math.min(400, 200 + minute * 20)), [true, true, true, true])
  t.same(held((minute) => 200 + minute * 4), [true, false, true, true])
  t.same(held(() => 1, { minutes: 5, storeMemoryMiB: 199 }), [false], 'of a short run only the bound is judged')
})

t.test('a result is summed up, tabled and drawn', async (t) => {
  const result: SoakResult = {
    minutes: [{ events: 10, p50Ms: 9, p99Ms: 40, maxMs: 80 }, { events: 10, p50Ms: 10, p99Ms: 900, maxMs: 1_500 }],
    samples: samples(() => 300).slice(0, 24), kills: [{ seconds: 70, againAfterMs: 800, backAfterMs: 500 }], events: 20, outputs: 'right',
  }
  const options = parseSoakOptions(['--minutes', '2'])
  t.match(summary(result, options).join('\n'), /1 SIGKILLs; 20 events\noutputs right.*\n.*worst minute's p99 is 900 ms.*\n.*800 ms \(median\)/)
  t.match(table(result), /\| 2 \| 10\.0 \| 900\.0 \| 1500 \| 0 \| 300 \| 200 \| 10 \| 20 \| 100 \| – \| – \| – \| – \| – \|/)
  t.equal(drawSoak(result, options).match(/stroke-dasharray/g)?.length, 7, 'the kill is marked in each chart')
  t.match(options, { ratePerSecond: 2_000, killEverySeconds: 300, draw: false })
  t.throws(() => parseSoakOptions(['--minutes', '0']), { name: 'UsageError' })
})

t.test('the kernel knows what this process holds', async (t) => {
  t.ok(residentMiB(process.pid) > 10)
  t.ok(threadsOf(process.pid) >= 2)
  t.ok(openFiles(process.pid) >= 3)
  const folder = t.testdir({ a: 'x'.repeat(2 ** 20), deeper: { b: 'y'.repeat(2 ** 20) } })
  t.equal(folderMiB(folder), 2)
})

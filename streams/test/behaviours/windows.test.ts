/** Behaviours 21 to 29: windows, sessions, suppress. */
import t from 'tap'
import { BufferConfig, EmitStrategy, SessionWindows, SlidingWindows, Suppressed, TimeWindows } from '../../index.ts'
import { outputs, string, strings, windowed } from './support.ts'

const start = () => '0'
const add = (_key: string, value: string, aggregate: string) => `${aggregate}+${value}`
const sums = { name: 'sums', value: string }
const counts = { name: 'counts' }
const final = Suppressed.untilWindowCloses(BufferConfig.unbounded())

t.test('21. hopping windows: a record is in every window that holds its time', async (t) => {
  const hopping = TimeWindows.ofSizeAndGrace(10, 100).advanceBy(5)
  t.same(
    windowed((grouped) => grouped.windowedBy(hopping).aggregate(start, add, sums), ['A:1@0', 'B:2@1', 'A:1@3', 'A:1@5']),
    [['A@0/10=0+1'], ['B@0/10=0+2'], ['A@0/10=0+1+1'], ['A@0/10=0+1+1+1', 'A@5/15=0+1']]
  )
  const onClose = grouped(hopping)
  t.same(onClose(['A:1@0', 'B:2@1', 'A:1@3', 'A:1@5']).flat(), [], 'on close nothing is told within grace')
})

/** A windowed concatenation that is told on close. */
function grouped(windows: TimeWindows | SlidingWindows): (records: readonly string[]) => string[][] {
  return (records) =>
    windowed((stream) => stream.windowedBy(windows).emitStrategy(EmitStrategy.onWindowClose()).aggregate(start, add, sums), records)
}

t.test('22. hopping windows on close: each once, when time has passed its end and grace', async (t) => {
  const hopping = TimeWindows.ofSizeAndGrace(10, 5).advanceBy(5)
  const records = ['A:1@0', 'A:2@5', 'A:3@10', 'B:4@6', 'B:5@11', 'B:6@15', 'C:7@25']
  t.equal(windowed((stream) => stream.windowedBy(hopping).aggregate(start, add, sums), records).flat().length, 13, 'with every update: 13')
  t.same(grouped(hopping)(records).flat(), ['A@0/10=0+1+2', 'B@0/10=0+4', 'A@10/20=0+3', 'B@10/20=0+5+6'])
})

t.test('23. sliding windows: one that ends with each record, one that begins right behind it', async (t) => {
  const sliding = SlidingWindows.ofTimeDifferenceAndGrace(10, 5)
  const records = ['A:1@10', 'A:2@10', 'A:3@14', 'A:4@15', 'A:5@20', 'A:6@22', 'A:7@30']
  const byStart = new Map<number, string[]>()
  for (const line of windowed((stream) => stream.windowedBy(sliding).aggregate(start, add, sums), records).flat()) {
    const [, begin, result] = /^A@(\d+)\/\d+=(.*)$/.exec(line)!
    byStart.set(Number(begin), [...(byStart.get(Number(begin)) ?? []), result!])
  }
  t.same(
    [...byStart].sort(([a], [b]) => a - b).map(([begin, results]) => `${begin}: ${results.join(', ')}`),
    [
      '0: 0+1, 0+1+2', '4: 0+1+2+3', '5: 0+1+2+3+4', '10: 0+1+2+3+4+5', '11: 0+3, 0+3+4, 0+3+4+5', '12: 0+3+4+5+6',
      '15: 0+4, 0+4+5, 0+4+5+6', '16: 0+5, 0+5+6', '20: 0+5+6+7', '21: 0+6, 0+6+7', '23: 0+7',
    ]
  )
  t.same(
    grouped(sliding)(records).flat().map((line) => line.replace(/^A@(\d+)\/.*$/, '$1')),
    ['0', '4', '5', '10', '11', '12'],
    'on close: those that have closed by 30'
  )
})

t.test('24. a session that grows leaves under its old name; a record between two makes them one', async (t) => {
  const gap = SessionWindows.ofInactivityGapAndGrace(5, 100)
  const run = (records: readonly string[]) => windowed((stream) => stream.windowedBy(gap).count(counts), records)
  t.same(run(['a@0', 'a@5']), [['a@0/0=1'], ['a@0/0=-', 'a@0/5=2']])
  t.same(run(['a@0', 'a@10', 'a@5']), [['a@0/0=1'], ['a@10/10=1'], ['a@0/0=-', 'a@10/10=-', 'a@0/10=3']])
})

t.test('25. sessions of several keys, one of them of a record that comes a millisecond late', async (t) => {
  const minutes = 60_000
  const gap = SessionWindows.ofInactivityGapAndGrace(minutes, 10 * minutes)
  const [first, second, third, fourth] = [0, minutes + 1, 3 * minutes, 5 * minutes]
  const found = windowed(
    (stream) => stream.windowedBy(gap).count(counts),
    [`bob@${first}`, `penny@${first}`, `jo@${first}`, `emily@${first}`, `emily@${second}`, `bob@${third}`, `penny@${third}`, `jo@${fourth}`, `jo@${fourth - 1}`]
  )
  t.same(found, [
    ['bob@0/0=1'], ['penny@0/0=1'], ['jo@0/0=1'], ['emily@0/0=1'],
    [`emily@${second}/${second}=1`], [`bob@${third}/${third}=1`], [`penny@${third}/${third}=1`],
    [`jo@${fourth}/${fourth}=1`], [`jo@${fourth}/${fourth}=-`, `jo@${fourth - 1}/${fourth}=2`],
  ])
})

const finals = (windows: TimeWindows, records: readonly string[]) =>
  windowed((stream) => stream.windowedBy(windows).count(counts).suppress(final, { name: 'final' }), records)

t.test('26. only final results: once each window has closed; a late record changes nothing', async (t) => {
  const windows = TimeWindows.ofSizeAndGrace(2, 1)
  const records = [0, 1, 2, 1, 0, 5, 0].map((time) => `k1@${time}`)
  const raw = windowed((stream) => stream.windowedBy(windows).count(counts), records).flat()
  t.same(raw, ['k1@0/2=1', 'k1@0/2=2', 'k1@2/4=1', 'k1@0/2=3', 'k1@0/2=4', 'k1@4/6=1'])
  t.same(finals(windows, records), [[], [], [], [], [], ['k1@0/2=4', 'k1@2/4=1'], []])
})

t.test('27. a large jump of time closes all windows before it', async (t) => {
  const found = finals(TimeWindows.ofSizeAndGrace(2, 2), [0, 1, 2, 0, 3, 0, 4, 30].map((time) => `k1@${time}`))
  t.same(found.flat(), ['k1@0/2=4', 'k1@2/4=2', 'k1@4/6=1'])
  t.same(found.at(-1), ['k1@2/4=2', 'k1@4/6=1'])
})

t.test('28. final results of sessions', async (t) => {
  const gap = SessionWindows.ofInactivityGapAndGrace(5, 0)
  const found = windowed(
    (stream) => stream.windowedBy(gap).count(counts).suppress(final, { name: 'final' }),
    ['k1@0', 'k1@5', 'k1@1', 'k2@11', 'k1@5', 'k1@30']
  )
  t.same(found.flat(), ['k1@0/5=3', 'k2@11/11=1'])
})

t.test('29. a buffer of one record tells the oldest early', async (t) => {
  const found = outputs(
    (b) =>
      b
        .table('in', strings)
        .groupBy((_key, value) => [value, value], strings)
        .count(counts)
        .suppress(Suppressed.untilTimeLimit(Number.MAX_SAFE_INTEGER, BufferConfig.maxRecords(1).emitEarlyWhenFull()), { name: 'held' })
        .toStream()
        .mapValues(String, { value: string })
        .to('out'),
    [['in', 'k1', 'v1', 0], ['in', 'k1', 'v2', 1], ['in', 'k2', 'v1', 2], ['in', 'x', 'x', 3]],
    { keys: true }
  )
  t.same(found, [[], ['v1 0@1'], ['v2 1@1'], ['v1 1@2']])
})

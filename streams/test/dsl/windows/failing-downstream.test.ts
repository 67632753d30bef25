/** Results told together, of which an operator downstream refuses some: the others come, and nothing else changes (rule B1). */
import { BufferConfig, EmitStrategy, type KGroupedStream, type KTable, Serdes, SessionWindows, SlidingWindows, Suppressed, TimeWindows, type Windowed } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'

const string = Serdes.string()

type Aggregate = (grouped: KGroupedStream<string, string>) => KTable<Windowed<string>, number>

const aggregates: Record<string, Aggregate> = {
  'windows on close': (grouped) =>
    grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 5).advanceBy(5)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'counts', retention: 1_000 }),
  'windows on update': (grouped) => grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 5).advanceBy(5)).count({ name: 'counts' }),
  'sliding windows': (grouped) => grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(10, 5)).count({ name: 'counts' }),
  'sessions on close': (grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(3, 5)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'counts' }),
  'sessions on update': (grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(3, 5)).count({ name: 'counts' }),
  suppressed: (grouped) =>
    grouped
      .windowedBy(TimeWindows.ofSizeAndGrace(10, 5))
      .count({ name: 'counts' })
      .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'final' }),
}

/** What comes out when an operator behind the aggregate throws for the key `refused`, and skips what it throws for. */
function run(aggregate: Aggregate, refused?: string): string[] {
  const driver = new TopologyTestDriver((b) => {
    aggregate(b.stream('in', { key: string, value: string }).groupByKey())
      .toStream()
      .mapValues(
        (value, { key }) => {
          if (key === refused) {
            throw new Error('asked for')
          }
          return `${value}`
        },
        { value: string, onError: { processing: 'skip' } }
      )
      .map(({ key, window }, value) => [key, `${window.start}-${window.end}: ${value}`], { key: string, value: string })
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  for (let i = 0; i < 60; i++) {
    input.pipeInput(`k${(i * 7) % 4}`, 'x', i * 2 - ((i * 5) % 4))
  }
  input.pipeInput('end', 'x', 140)
  input.pipeInput('end', 'x', 170)
  return driver.createOutputTopic('out', string, string).readRecordsToList().map(({ key, value, timestamp }) => `${key} ${value} @${timestamp}`)
}

for (const [name, aggregate] of Object.entries(aggregates)) {
  t.test(name, async (t) => {
    const all = run(aggregate)
    const some = run(aggregate, 'k1')
    t.ok(all.some((line) => line.startsWith('k1 ')) && some.length > 20)
    t.same(some, all.filter((line) => !line.startsWith('k1 ')))
  })
}

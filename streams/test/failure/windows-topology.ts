/** What the killed processes of `windows.test.ts` run: every kind of window, told on update, on close and suppressed. */
import { BufferConfig, EmitStrategy, Serdes, SessionWindows, SlidingWindows, type StreamsBuilder, Suppressed, TimeWindows } from '../../index.ts'

export interface WindowSettings {
  readonly source: string
  readonly sink: string
}

const TEXT = { key: Serdes.string(), value: Serdes.string() }

export default function topology(b: StreamsBuilder, { source, sink }: WindowSettings): void {
  const grouped = b.stream(source, TEXT).groupByKey()
  const tumbling = grouped.windowedBy(TimeWindows.ofSizeAndGrace(1_000, 500)).count({ name: 'tumbling', late: (late) => late.mapValues((value) => `late ${value}`).to(sink, TEXT) })
  const tables = {
    tumbling,
    suppressed: tumbling.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'suppressed' }),
    hopping: grouped
      .windowedBy(TimeWindows.ofSizeAndGrace(2_000, 300).advanceBy(500))
      .emitStrategy(EmitStrategy.onWindowClose())
      .count({ name: 'hopping' }),
    sliding: grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(400, 200)).count({ name: 'sliding' }),
    sessions: grouped
      .windowedBy(SessionWindows.ofInactivityGapAndGrace(150, 500))
      .emitStrategy(EmitStrategy.onWindowClose())
      .count({ name: 'sessions' }),
  }
  for (const [name, table] of Object.entries(tables)) {
    table
      .toStream()
      .map(({ key, window }, count) => [key, `${name} ${window.start}-${window.end} ${count}`])
      .to(sink, TEXT)
  }
}

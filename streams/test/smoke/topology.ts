/**
 * The topology of Kafka Streams' smoke test (`SmokeTestClient`): filters, windows on update and suppressed, tables read
 * back from topics that the same application writes, joins of tables, and a table grouped anew through a repartition
 * topic. Its one-day windows are as long as the settings say, so that a run of any length lies in one.
 */
import { BufferConfig, type KStream, type KTable, Serdes, type StreamsBuilder, Suppressed, TimeWindows, type Windowed } from '../../index.ts'

export const SMOKE_TOPICS = ['data', 'echo', 'min', 'min-raw', 'min-suppressed', 'max', 'dif', 'sum', 'cnt', 'avg', 'tagg', 'sws-raw', 'sws-suppressed'] as const
export type SmokeTopic = (typeof SMOKE_TOPICS)[number]

export interface SmokeSettings {
  readonly topics: Readonly<Record<SmokeTopic, string>>
  /** Size of the window of the minima; those of the other totals are twice as long. */
  readonly windowMs: number
}

/** Key of the records that only move time on, so that everything suppressed comes out. */
export const FLUSH = 'flush'
/** A value that is echoed and nothing else. */
export const END = 2 ** 31 - 1
export const MIN_GRACE_MS = 60_000
/** Windows of so long begin with every second. */
export const SMALL_WINDOW_MS = 2_000
export const SMALL_ADVANCE_MS = 1_000
export const SMALL_GRACE_MS = 30_000

const key = Serdes.string()
const INTEGER = { key, value: Serdes.integer() }
const LONG = { key, value: Serdes.long() }
const DOUBLE = { key, value: Serdes.double() }

/** The name of a window's key in the topics that show windows. */
export function windowName(key: string, start: number, end: number): string {
  return `[${key}@${start}/${end}]`
}

export default function topology(b: StreamsBuilder, { topics, windowMs }: SmokeSettings): void {
  const source = b.stream(topics.data, INTEGER)
  source.filterNot((key) => key === FLUSH).to(topics.echo, INTEGER)
  const grouped = source.filter((_key, value) => value !== END).groupByKey()
  const whole = grouped.windowedBy(TimeWindows.ofSizeAndGrace(2 * windowMs, MIN_GRACE_MS))

  const min = grouped
    .windowedBy(TimeWindows.ofSizeAndGrace(windowMs, MIN_GRACE_MS))
    .aggregate(() => END, (_key, value, least) => Math.min(value, least), { name: 'win-min', value: Serdes.integer() })
  showWindows(min, topics['min-raw'])
  showWindows(min.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'min-final' }), topics['min-suppressed'])
  withoutWindow(min).to(topics.min, INTEGER)

  const small = grouped
    .windowedBy(TimeWindows.ofSizeAndGrace(SMALL_WINDOW_MS, SMALL_GRACE_MS).advanceBy(SMALL_ADVANCE_MS))
    .reduce((sum, value) => sum + value, { name: 'win-small-sum' })
  showWindows(small, topics['sws-raw'])
  showWindows(small.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'small-sum-final' }), topics['sws-suppressed'])

  withoutWindow(whole.aggregate(() => -END, (_key, value, most) => Math.max(value, most), { name: 'win-max', value: Serdes.integer() })).to(topics.max, INTEGER)
  withoutWindow(whole.aggregate(() => 0, (_key, value, sum) => sum + value, { name: 'win-sum', value: Serdes.long() })).to(topics.sum, LONG)
  withoutWindow(whole.count({ name: 'win-cnt' })).to(topics.cnt, LONG)

  const cntTable = b.table(topics.cnt, { ...LONG, name: 'cnt-table' })
  b.table(topics.max, { ...INTEGER, name: 'max-table' })
    .join(b.table(topics.min, { ...INTEGER, name: 'min-table' }), (most, least) => most - least)
    .toStream()
    .to(topics.dif, INTEGER)
  b.table(topics.sum, { ...LONG, name: 'sum-table' })
    .join(cntTable, (sum, count) => sum / count)
    .toStream()
    .to(topics.avg, DOUBLE)
  cntTable
    .groupBy((_key, count) => [String(count), 1], { name: 'by-cnt', ...LONG })
    .aggregate(() => 0, (_key, one, keys) => keys + one, (_key, one, keys) => keys - one, { name: 'cnt-by-cnt', value: Serdes.long() })
    .toStream()
    .to(topics.tagg, LONG)
}

function withoutWindow(table: KTable<Windowed<string>, number>): KStream<string, number> {
  return table
    .toStream()
    .filter(({ key }) => key !== FLUSH)
    .map(({ key }, value) => [key, value!], { key })
}

function showWindows(table: KTable<Windowed<string>, number>, topic: string): void {
  table
    .toStream()
    .filter(({ key }) => key !== FLUSH)
    .map(({ key, window }, value) => [windowName(key, window.start, window.end), value!], { key })
    .to(topic, INTEGER)
}

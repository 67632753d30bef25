/** Three applications whose transactions move no offset: their records come from a punctuator, from calls, or from a time to live. */
import { type KeyValueStore, type ProcessorContext, Serdes, type StreamsBuilder, Stores } from '../../index.ts'

export interface FrozenSettings {
  readonly kind: 'punctuator' | 'calls' | 'time-to-live'
  readonly source: string
  readonly sink: string
  /** How long a call takes, ms. */
  readonly callMs: number
  /** Time to live, ms. */
  readonly ttlMs: number
}

const TEXT = { key: Serdes.string(), value: Serdes.string() }
const COUNT = { key: Serdes.string(), value: Serdes.long() }
const TICK_MS = 20

export default function topology(b: StreamsBuilder, { kind, source, sink, callMs, ttlMs }: FrozenSettings): void {
  const stream = b.stream(source, TEXT)
  switch (kind) {
    case 'punctuator':
      b.addStateStore(Stores.keyValueStore('ticks', COUNT))
      stream.process(ticker, { name: 'ticker', stores: ['ticks'], ...COUNT }).to(sink, COUNT)
      return
    case 'calls':
      stream
        .mapAsync((value) => new Promise<string>((resolve) => setTimeout(resolve, callMs, value)), { name: 'call', concurrency: 1, value: Serdes.string() })
        .groupByKey()
        .count({ name: 'results' })
        .toStream()
        .to(sink, COUNT)
      return
    case 'time-to-live':
      stream.process(keeper, { name: 'keeper', stores: [Stores.keyValueStore('kept', { ...TEXT, ttl: { after: ttlMs, clock: 'wall-clock-time' } })] })
  }
}

/** Each task counts on where the last one stopped. */
function ticker() {
  return {
    init(context: ProcessorContext<string, number>): void {
      const key = context.taskId
      const ticks = context.getStateStore<KeyValueStore<string, number>>('ticks')
      context.schedule(TICK_MS, 'wall-clock-time', (timestamp) => {
        const value = (ticks.get(key) ?? 0) + 1
        ticks.put(key, value)
        context.forward({ key, value, timestamp, headers: [] })
      })
    },
    process: () => undefined,
  }
}

function keeper() {
  let kept: KeyValueStore<string, string>
  return {
    init(context: ProcessorContext<string, string>): void {
      kept = context.getStateStore('kept')
    },
    process({ key, value }: { key: string; value: string }): void {
      kept.put(key, value)
    },
  }
}

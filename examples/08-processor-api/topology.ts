import { type KeyValueStore, type Processor, type ProcessorContext, type Record, Serdes, Stores, type StreamsBuilder } from 'millrace'

export interface Heartbeat {
  readonly host: string
}

const SILENCE_MS = 60_000
const CHECK_MS = 10_000

/** Notes when a host was last heard of, and tells once when it has been silent for a minute. */
class SilenceDetector implements Processor<string, Heartbeat, string, string> {
  #context: ProcessorContext<string, string> | undefined
  #lastSeen: KeyValueStore<string, number> | undefined

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#lastSeen = context.getStateStore('last-seen')
    context.schedule(CHECK_MS, 'wall-clock-time', (now) => this.#check(now))
  }

  process({ value }: Record<string, Heartbeat>): void {
    this.#lastSeen?.put(value.host, this.#context!.currentSystemTimeMs())
  }

  #check(now: number): void {
    for (const [host, seen] of this.#lastSeen!.all()) {
      if (now - seen >= SILENCE_MS) {
        this.#context!.forward({ key: host, value: `silent for ${Math.round((now - seen) / 1000)} s`, timestamp: now, headers: [] })
        this.#lastSeen!.delete(host)
      }
    }
  }
}

export default function topology(b: StreamsBuilder): void {
  b.stream('heartbeats', { key: Serdes.string(), value: Serdes.json<Heartbeat>() })
    .process(() => new SilenceDetector(), {
      name: 'silence-detector',
      stores: [Stores.keyValueStore('last-seen', { key: Serdes.string(), value: Serdes.long() })],
      key: Serdes.string(),
      value: Serdes.string(),
    })
    .to('silent-hosts')
}

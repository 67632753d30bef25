import type { KGroupedStream, KTable, Window, Windowed } from 'millrace'
import { Serdes } from 'millrace'
import { TopologyTestDriver, type TopologyTestDriverOptions } from 'millrace/testing'

const string = Serdes.string()

/** `key@start/end=value@timestamp`, `-` for a deletion. */
export type Shown = string

export function shownWindow({ start, end }: Window): string {
  return `${start}/${end}`
}

export interface WindowRun {
  readonly driver: TopologyTestDriver
  /** Pipes `key:value@time` (or `key@time` with the value `key`); returns what it made the table tell. */
  pipe(...records: readonly string[]): Shown[]
  /** Counted as late, expired or without key or value since the task was made. */
  dropped(): number
}

/** Runs an aggregate of the topic 'in' (strings) and collects what its table tells. */
export function runWindows<V>(
  aggregate: (grouped: KGroupedStream<string, string>) => KTable<Windowed<string>, V>,
  options: TopologyTestDriverOptions = {}
): WindowRun {
  let told: Shown[] = []
  const driver = new TopologyTestDriver((b) => {
    aggregate(b.stream('in', { key: string, value: string }).groupByKey())
      .toStream()
      .process(() => ({
        process({ key, value, timestamp }) {
          told.push(`${key.key}@${shownWindow(key.window)}=${value === null ? '-' : String(value)}@${timestamp}`)
        },
      }))
  }, options)
  const input = driver.createInputTopic('in', string, string)
  return {
    driver,
    pipe(...records) {
      told = []
      for (const record of records) {
        const [, key, value, time] = /^([^:@]+)(?::([^@]*))?@(\d+)$/.exec(record)!
        input.pipeInput(key!, value ?? key!, Number(time))
      }
      return told
    },
    dropped: () => driver.tasks.reduce((sum, task) => sum + task.counters.dropped, 0),
  }
}

export const concatenated = {
  initializer: () => '0',
  aggregator: (_key: string, value: string, aggregate: string) => `${aggregate}+${value}`,
}

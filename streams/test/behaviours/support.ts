/** A specification by example: topics in, what came out after each record. */
import type { KGroupedStream, KTable, StreamsBuilder, Windowed } from '../../index.ts'
import { Serdes } from '../../index.ts'
import { TopologyTestDriver, type TopologyTestDriverOptions } from '../../testing/index.ts'

export const string = Serdes.string()
export const strings = { key: string, value: string }
export const dashed = (left: string | null, right: string | null) => `${left}-${right}`
export const plussed = (left: string | null, right: string | null) => `${left}+${right}`

/** Topic, key, value, timestamp in ms. */
export type Step = readonly [topic: 'L' | 'R' | 'in', key: string | null, value: string | null, timestamp: number]

/** What each step made the topology write to 'out', as `value@timestamp`, with `keys` as `key value@timestamp`. */
export function outputs(
  topology: (b: StreamsBuilder) => void,
  steps: readonly Step[],
  options: TopologyTestDriverOptions & { readonly keys?: boolean } = {}
): string[][] {
  const driver = new TopologyTestDriver(topology, options)
  const out = driver.createOutputTopic('out', string, string)
  const found = steps.map(([topic, key, value, timestamp]) => {
    driver.createInputTopic(topic, string, string).pipeInput(key, value, timestamp)
    return out.readRecordsToList().map((record) => `${options.keys === true ? `${record.key} ` : ''}${record.value}@${record.timestamp}`)
  })
  driver.close()
  return found
}

/** One line per step that gave something: `number of the step: what it gave`. */
export function spoken(found: readonly (readonly string[])[]): string[] {
  return found.flatMap((lines, index) => (lines.length === 0 ? [] : [`${index + 1}: ${lines.join(', ')}`]))
}

/** The input that the joins share: one key; out of order from the 14th record on. */
export const SHARED: readonly Step[] = (
  [
    ['L', null, 1], ['R', null, 2], ['L', 'A', 3], ['R', 'a', 4], ['L', 'B', 5], ['R', 'b', 6], ['L', null, 7], ['R', null, 8],
    ['L', 'C', 9], ['R', 'c', 10], ['R', null, 11], ['L', null, 12], ['R', null, 13], ['R', 'd', 7], ['L', 'D', 6], ['L', null, 2],
    ['R', null, 3], ['R', 'e', 14], ['L', 'E', 15], ['L', null, 10], ['R', null, 9], ['L', 'F', 4], ['R', 'f', 3],
  ] as const
).map(([topic, value, timestamp]) => [topic, 'key', value, timestamp] as const)

/** The same in order, with two records without a key at its end. */
export const SHARED_IN_ORDER: readonly Step[] = [
  ...SHARED.slice(0, 13),
  ['R', 'key', 'd', 14],
  ['L', 'key', 'D', 15],
  ['L', null, 'E', 16],
  ['R', null, 'e', 17],
]

/** Records as `key:value@time`; what a windowed table of them tells, as `key@start/end=value@timestamp`, `-` for a deletion. */
export function windowed<V>(table: (grouped: KGroupedStream<string, string>) => KTable<Windowed<string>, V>, records: readonly string[]): string[][] {
  let told: string[] = []
  const driver = new TopologyTestDriver((b) => {
    table(b.stream('in', strings).groupByKey())
      .toStream()
      .foreach(({ key, window }, value) => {
        told.push(`${key}@${window.start}/${window.end}=${value === null ? '-' : String(value)}`)
      })
  })
  const input = driver.createInputTopic('in', string, string)
  const found = records.map((record) => {
    told = []
    const [, key, value, time] = /^(\w+)(?::(\w+))?@(\d+)$/.exec(record)!
    input.pipeInput(key!, value ?? 'x', Number(time))
    return told
  })
  driver.close()
  return found
}

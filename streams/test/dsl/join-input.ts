/** The shared input of Kafka Streams' AbstractJoinIntegrationTest, and a way to see what each of its records gives. */
import { Serdes, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

export const strings = { key: Serdes.string(), value: Serdes.string() }
export const string = Serdes.string()
export const joiner = (left: string | null, right: string | null) => `${left}-${right}`

export type Side = 'L' | 'R'
export type JoinInput = readonly [side: Side, value: string | null, timestamp: number]

/** The shared input of the join tests: one key, `L` and `R` topics. */
export const INPUT: readonly JoinInput[] = [
  ['L', null, 1],
  ['R', null, 2],
  ['L', 'A', 3],
  ['R', 'a', 4],
  ['L', 'B', 5],
  ['R', 'b', 6],
  ['L', null, 7],
  ['R', null, 8],
  ['L', 'C', 9],
  ['R', 'c', 10],
  ['R', null, 11],
  ['L', null, 12],
  ['R', null, 13],
  ['R', 'd', 7],
  ['L', 'D', 6],
  ['L', null, 2],
  ['R', null, 3],
  ['R', 'e', 14],
  ['L', 'E', 15],
  ['L', null, 10],
  ['R', null, 9],
  ['L', 'F', 4],
  ['R', 'f', 3],
]

/** Pipes the input, by default the shared one; returns what came out at each of its records (counted from 1), as `value@timestamp`. */
export function results(topology: (b: StreamsBuilder) => void, input: readonly JoinInput[] = INPUT): { [input: number]: string[] } {
  const driver = new TopologyTestDriver(topology, { applicationId: 'join' })
  const topics = { L: driver.createInputTopic('L', string, string), R: driver.createInputTopic('R', string, string) }
  const out = driver.createOutputTopic('out', string, string)
  const found: { [input: number]: string[] } = {}
  input.forEach(([side, value, timestamp], index) => {
    topics[side].pipeInput('key', value, timestamp)
    const records = out.readRecordsToList().map((record) => `${record.value}@${record.timestamp}`)
    if (records.length > 0) {
      found[index + 1] = records
    }
  })
  driver.close()
  return found
}

/** What one undisturbed run makes of the same input, as the oracle of a run that was disturbed. */
import type { Test } from 'tap'
import { Serdes, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import type { OutputRecord } from '../integration/streams-support.ts'

interface Topics {
  readonly source: string
  readonly sink: string
}

/** Of today's times what differs between two runs of a test is only the start. */
function shown(record: { readonly key: unknown; readonly value: unknown; readonly timestamp: number }, start: number): string {
  return `${record.key}: ${record.value} @${record.timestamp - start}`
}

/** Asserts that `found` is, record for record, what the driver gives. Returns that, a line a record. */
export function equalsUndisturbed<S extends Topics>(
  t: Pick<Test, 'equal'>,
  topology: (b: StreamsBuilder, settings: S) => void,
  settings: S,
  input: readonly { readonly key: string; readonly value: string; readonly timestamp: number }[],
  found: readonly OutputRecord[],
  start: number,
): string[] {
  const driver = new TopologyTestDriver((b) => topology(b, settings))
  const source = driver.createInputTopic(settings.source, Serdes.string(), Serdes.string())
  for (const { key, value, timestamp } of input) {
    source.pipeInput(key, value, timestamp)
  }
  const wanted = driver.createOutputTopic(settings.sink, Serdes.string(), Serdes.string()).readRecordsToList().map((record) => shown(record, start))
  const got = found.map((record) => shown(record, start))
  const differing = wanted.findIndex((line, index) => line !== got[index])
  t.equal(differing, -1, differing < 0 ? 'equal' : `record ${differing}: ${got[differing]} instead of ${wanted[differing]}`)
  t.equal(got.length, wanted.length, 'nothing missing, nothing twice')
  return wanted
}

import type { EngineName } from '../engines.ts'
import type { Expected, ThroughputWorkload } from './contract.ts'
import { PerEventCheck, perEventTruth } from './per-event.ts'

/** Kafka Streams blocks for each call: 100 records a second and thread. It gets as many as that takes ten seconds for. */
const RECORDS = { millrace: 0.2, java: 0.001 }

/** A call of 10 ms for every event. The rate is what is compared: the engines get unequal numbers of events. */
export const async10ms: ThroughputWorkload = {
  async prepare(topics, prefix, { records, keys }) {
    const prepared = new Map<EngineName, Expected>(await Promise.all((['millrace', 'java'] as const).map(async (engine) => {
      const count = Math.max(1, Math.round(records * RECORDS[engine]))
      const input = `${prefix}-${engine}-input`
      await topics.create(input)
      await topics.load(input, count, keys)
      const expected = perEventTruth(count, keys, ({ pages }) => pages * 2)
      return [engine, { input, records: count, outputs: count, check: () => new PerEventCheck(expected) }] as const
    })))
    return (engine) => {
      const expected = prepared.get(engine)
      if (expected === undefined) {
        throw new Error(`${engine} makes no asynchronous calls`)
      }
      return expected
    }
  },
}

import type { ThroughputWorkload } from './contract.ts'
import { PerEventCheck, perEventTruth } from './per-event.ts'

/** Parse the JSON, make another, write it. */
export const statelessMap: ThroughputWorkload = {
  async prepare(topics, prefix, { records, keys }) {
    const input = `${prefix}-input`
    await topics.create(input)
    await topics.load(input, records, keys)
    const expected = perEventTruth(records, keys, ({ pages }) => pages * 2)
    return () => ({ input, records, outputs: records, check: () => new PerEventCheck(expected) })
  },
}

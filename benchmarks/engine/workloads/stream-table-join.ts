import { factorOf } from '../events.ts'
import type { ThroughputWorkload } from './contract.ts'
import { PerEventCheck, perEventTruth } from './per-event.ts'

/** Every event joined with its key's row of a table that is older than all events. */
export const streamTableJoin: ThroughputWorkload = {
  async prepare(topics, prefix, { records, keys }) {
    const [input, table] = [`${prefix}-input`, `${prefix}-table`]
    await topics.create(input)
    await topics.create(table)
    await topics.loadFactors(table, keys)
    await topics.load(input, records, keys)
    const expected = perEventTruth(records, keys, ({ id, pages }) => pages * factorOf(id))
    return () => ({ input, table, records, outputs: records, check: () => new PerEventCheck(expected) })
  },
}

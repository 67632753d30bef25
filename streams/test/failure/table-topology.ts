/** A stream joined with a table whose source topic is its changelog: a copy of it may not lead what was processed. */
import type { StreamsBuilder } from '../../index.ts'
import { Serdes } from '../../index.ts'

export interface TableSettings {
  readonly rows: string
  readonly orders: string
  readonly joined: string
}

export default function topology(b: StreamsBuilder, { rows, orders, joined }: TableSettings): void {
  const text = { key: Serdes.string(), value: Serdes.string() }
  const table = b.table(rows, { ...text, name: 'rows' })
  b.stream(orders, text)
    .join(table, (order, row) => `${order} of ${row}`, { value: Serdes.string() })
    .to(joined, text)
}

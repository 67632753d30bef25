/** A stream of events joined with a table of as many rows as there are keys. Its Java peer is `StreamTableJoin.java`. */
import type { StreamsBuilder } from 'millrace'
import { Serdes } from 'millrace'
import type { DocumentEvent, DocumentFactor } from '../events.ts'
import type { TopologySettings } from './settings.ts'

export default function topology(b: StreamsBuilder, { input, table, output }: TopologySettings): void {
  const factors = b.table(table!, { name: 'factors', key: Serdes.string(), value: Serdes.json<DocumentFactor>() })
  b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() })
    .join(factors, ({ seq, tenant, pages }, { factor }) => ({ seq, tenant, result: pages * factor }))
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}

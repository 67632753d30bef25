/** Parse, change, write: no state. Its Java peer is `StatelessMap.java`. */
import type { StreamsBuilder } from 'millrace'
import { Serdes } from 'millrace'
import type { DocumentEvent } from '../events.ts'
import type { TopologySettings } from './settings.ts'

export default function topology(b: StreamsBuilder, { input, output }: TopologySettings): void {
  b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() })
    .mapValues(({ seq, tenant, pages }) => ({ seq, tenant, result: pages * 2 }))
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}

/** A call of 10 ms per record, results of a key in order. Its Java peer, `BlockingCall.java`, waits for each. */
import { setTimeout as pause } from 'node:timers/promises'
import type { StreamsBuilder } from 'millrace'
import { Serdes } from 'millrace'
import type { DocumentEvent } from '../events.ts'
import type { TopologySettings } from './settings.ts'

const CALL_MS = 10

export default function topology(b: StreamsBuilder, { input, output }: TopologySettings): void {
  b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() })
    .mapAsync(async ({ seq, tenant, pages }) => {
      await pause(CALL_MS)
      return { seq, tenant, result: pages * 2 }
    }, { name: 'call', concurrency: 256, maxPending: 10_000, timeout: '10s' })
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}

/**
 * What the soak runs: keyed read-modify-write, a windowed count behind a repartition topic and a join of two streams, all
 * of one input. Stores forget after minutes, so that an hour of it has a size that stays.
 */
import type { StreamsBuilder } from 'millrace'
import { JoinWindows, Serdes, Stores } from 'millrace'
import type { DocumentEvent, DocumentState } from '../events.ts'
import { type Approval, type Approved, APPROVAL_WINDOW_MS, GRACE_MS, outputs } from '../../soak/input.ts'
import { ReadModifyWrite, STORE } from './keyed-rmw.ts'
import { countPerWindow } from './rekey-window-count.ts'
import type { TopologySettings } from './settings.ts'

/** `table` is the topic of approvals, `output` the prefix of three outputs. */
export default function topology(b: StreamsBuilder, { input, table, output }: TopologySettings): void {
  const { states, counts, joined } = outputs(output)
  const events = b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() })
  events
    .process(() => new ReadModifyWrite(), {
      name: 'read-modify-write',
      stores: [Stores.keyValueStore(STORE, { key: Serdes.string(), value: Serdes.json<DocumentState>() })],
    })
    .to(states, { key: Serdes.string(), value: Serdes.json() })
  countPerWindow(events, GRACE_MS, counts)
  b.stream(table!, { key: Serdes.string(), value: Serdes.json<Approval>() })
    .join(
      events.mapValues(({ seq }) => seq),
      ({ approval }, event): Approved => ({ approval, event }),
      JoinWindows.ofTimeDifferenceAndGrace(APPROVAL_WINDOW_MS, GRACE_MS),
      { name: 'approved', other: { key: Serdes.string(), value: Serdes.long() } },
    )
    .to(joined, { key: Serdes.string(), value: Serdes.json() })
}

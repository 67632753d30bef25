/** Everything that is worked off as fast as it goes, by name. */
import { async10ms } from './async-10ms.ts'
import type { ThroughputWorkload } from './contract.ts'
import { keyedRmw } from './keyed-rmw.ts'
import { rekeyWindowCount } from './rekey-window-count.ts'
import { statelessMap } from './stateless-map.ts'
import { streamTableJoin } from './stream-table-join.ts'

export const throughputWorkloads = {
  'stateless-map': statelessMap,
  'keyed-rmw': keyedRmw,
  'rekey-window-count': rekeyWindowCount,
  'stream-table-join': streamTableJoin,
  'async-10ms': async10ms,
} satisfies { [name: string]: ThroughputWorkload }

export type ThroughputName = keyof typeof throughputWorkloads
export type { Expected, OutputCheck, ThroughputWorkload } from './contract.ts'

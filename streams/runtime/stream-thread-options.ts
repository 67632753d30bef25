/** What a stream thread is started with, and whom it tells what. */
import type { MemoryBudget, StateFolder } from 'millrace-state-stores'
import type { Topology } from '../graph/topology.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import type { Endpoint } from '../membership/endpoint.ts'
import type { PeerProcess } from '../membership/types.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { RuntimeConfig } from './config.ts'
import type { HitFailpoint } from './failpoints.ts'
import type { Progress } from './progress.ts'
import type { RestoreEvent } from './restore-progress.ts'
import type { Suspect } from './suspects.ts'
import type { ThreadState } from './thread-state.ts'

export interface StreamThreadOptions {
  readonly topology: Topology
  readonly config: RuntimeConfig
  readonly cluster: KafkaCluster
  readonly processId: string
  readonly thread: number
  /** Folder of the process' state; its lock is held by the supervisor. */
  readonly folder: StateFolder
  /** Of the process. */
  readonly memory: MemoryBudget
  readonly failpoint: HitFailpoint
  readonly progress?: Progress
  /** Where the process listens for the others of its group. */
  readonly endpoint?: Endpoint | undefined
  /** Records that ended threads before (rule C10). */
  readonly suspects?: readonly Suspect[]
  readonly paused?: boolean
  /** Undefined: nothing is traced. */
  readonly tracing?: OpenTelemetry | undefined
  /** Processes the newest assignment has this one watch. */
  onWatch?(processes: readonly PeerProcess[]): void
  onRestore?(event: RestoreEvent): void
  /** Another instance has stopped the application everywhere. */
  onStop?(code: string): void
  /** Its transactions are this id's from now on. */
  onProduces?(transactionalId: string): void
  /** The group does not know this member any more. */
  onEvicted?(): void
  onState(state: ThreadState): void
  /** The thread has stopped because of this error and released what it could. */
  onFailed(error: Error): void
  onWarning(message: string): void
}

/**
 * What the group gives a thread and takes from it. Whatever changes the set of its tasks (assignment, revocation, loss, new
 * partitions, closing) runs one at a time here, each after the commit under way has ended.
 */
import { BrokerCode } from '../membership/broker-code.ts'
import { asTold } from '../membership/protocol.ts'
import type { TaskVersion } from '../membership/types.ts'
import { taskVersionKey } from '../membership/types.ts'
import type { OutputCollector } from './collector.ts'
import type { RuntimeConfig } from './config.ts'
import type { WantedCopies } from './task-manager.ts'
import type { ThreadCounters } from './thread-counters.ts'
import type { ThreadParts } from './thread-parts.ts'

export interface OwnershipOptions {
  readonly config: Pick<RuntimeConfig, 'acceptableRecoveryLag'>
  readonly counters: Pick<ThreadCounters, 'rebalances' | 'membershipsLost'>
  readonly collector: OutputCollector
  /** Undefined before the thread has started. */
  parts(): ThreadParts | undefined
  /** The thread closes or has failed: it takes nothing any more. */
  ending(): boolean
  /** The group does not know this member any more. */
  onEvicted(): void
  /** Tasks have been added or taken away. */
  onChanged(): void
  onFailed(error: Error): void
}

export class TaskOwnership {
  readonly #options: OwnershipOptions
  /** As the newest assignment has them. */
  copies: WantedCopies = { standbys: [], warmups: [] }
  /** The last of what was asked for; never rejects. */
  #tail: Promise<void> = Promise.resolve()

  constructor(options: OwnershipOptions) {
    this.#options = options
  }

  /** Resolves when all that was asked for until now is done, or has failed the thread. */
  get idle(): Promise<void> {
    return this.#tail
  }

  /** Runs after what was asked for before; nothing while the thread has no parts. What it throws fails the thread. */
  exclusively(run: (parts: ThreadParts) => Promise<void>): Promise<void> {
    const { parts, onFailed } = this.#options
    this.#tail = this.#tail
      .then(() => {
        const now = parts()
        return now === undefined ? undefined : run(now)
      })
      .catch(onFailed)
    return this.#tail
  }

  /** Runs after all of it, whether the thread has parts or not. */
  lastly(run: () => Promise<void>): void {
    this.#tail = this.#tail.then(run)
  }

  assigned(added: readonly TaskVersion[], revoked: readonly TaskVersion[]): void {
    const { counters, ending, onChanged, parts } = this.#options
    counters.rebalances++
    if (revoked.length > 0) {
      parts()!.tasks.suspend(revoked)
      this.exclusively((now) => this.#release(now, revoked))
    }
    if (added.length > 0) {
      this.exclusively(async ({ tasks }) => {
        tasks.add(added.filter((version) => this.#owns(version)))
        onChanged()
      })
    }
    this.exclusively(async ({ tasks }) => {
      if (!ending()) {
        await tasks.feed(this.copies)
      }
    })
    onChanged()
  }

  /** Rule C2: released means no record of the task in any open generation, its calls signalled, its database closed. */
  async #release({ tasks, commits, membership }: ThreadParts, revoked: readonly TaskVersion[]): Promise<void> {
    // Some may have been added since the revocation came in.
    const entries = tasks.suspend(revoked)
    await commits.flush()
    await tasks.release(entries, this.copies)
    membership.released()
  }

  /** Rule C15: tasks take the partitions that have come and are theirs. */
  grow(): void {
    this.exclusively(async ({ tasks, commits }) => {
      const outdated = tasks.outdated.map(({ version }) => version)
      if (outdated.length === 0 || this.#options.ending()) {
        return
      }
      const entries = tasks.suspend(outdated)
      this.#options.onChanged()
      await commits.flush()
      await tasks.close(entries)
      tasks.add(outdated.filter((version) => this.#owns(version)))
      await tasks.feed(this.copies)
    })
  }

  /** Whether the newest assignment still names the task. */
  #owns(version: TaskVersion): boolean {
    const { state } = this.#options.parts()!.membership
    const key = taskVersionKey(version)
    return !this.#options.ending() && 'owned' in state && state.owned.some((owned) => taskVersionKey(owned) === key)
  }

  /** A task waits for a copy here to catch up: the group is told as soon as it has, in a new round (probing rebalance). */
  tellOfWarmups(): void {
    const { tasks, membership } = this.#options.parts() ?? {}
    const { acceptableRecoveryLag } = this.#options.config
    if (membership?.state.name === 'stable' && tasks?.copies.some((copy) => copy.warmup && copy.reportedLag > acceptableRecoveryLag && asTold(copy.changelogLag) <= acceptableRecoveryLag)) {
      membership.rejoin()
    }
  }

  /** Everything uncommitted is dropped before the thread joins anew: it has no right to any of it (rule A12). */
  lost(code: number | undefined): void {
    const { collector, counters, onChanged, onEvicted, parts } = this.#options
    counters.membershipsLost++
    if (code === BrokerCode.UNKNOWN_MEMBER_ID) {
      onEvicted()
    }
    const { tasks } = parts()!
    tasks.suspend([...tasks.all].map((entry) => entry.version))
    onChanged()
    this.exclusively(async ({ commits, membership }) => {
      await commits.idle()
      collector.drop()
      await tasks.close([...tasks.all])
      membership.dropped()
    })
  }
}

/** Key-value stores with a time to live: what has expired gets its tombstone, a part with every commit. */
import { type StoreClock, TtlView } from 'millrace-state-stores'
import type { StoreDefinition } from '../graph/topology.ts'
import type { TaskCore } from './core.ts'

/** Tombstones per store and commit: a burst of expiry must not hold a commit up. */
const MOST_TOMBSTONES = 500

interface ExpiringStore {
  readonly view: TtlView
  readonly clock: StoreClock
  readonly wall: boolean
  /** Wall-clock ms at which the first entry expires; Infinity: none, or its stream time decides. */
  next: number
}

export class StoreExpiry {
  private readonly core: TaskCore
  private readonly stores: ExpiringStore[] = []

  constructor(core: TaskCore, definitions: Iterable<StoreDefinition>, clockOf: (store: StoreDefinition) => StoreClock) {
    this.core = core
    for (const definition of definitions) {
      if (definition.kind === 'key-value' && definition.ttlMs !== undefined && !definition.sourceIsChangelog) {
        const clock = clockOf(definition)
        const view = new TtlView(core.state.store(definition.name), definition.ttlMs, clock)
        const wall = definition.ttlByWallClock === true
        this.stores.push({ view, clock, wall, next: Number.POSITIVE_INFINITY })
      }
    }
    this.plan()
  }

  /** Wall-clock ms of the next thing to do without input, Infinity for none. */
  get deadline(): number {
    return this.stores.reduce((next, store) => Math.min(next, store.next), Number.POSITIVE_INFINITY)
  }

  /** To be called while a generation is still open: its tombstones go with it. */
  beforeCommit(): void {
    for (const store of this.stores) {
      this.purge(store)
    }
    this.plan()
  }

  /** What the wall clock has made due since; false: nothing. */
  atWallClock(now: number): boolean {
    let purged = 0
    for (const store of this.stores) {
      if (store.next <= now) {
        purged += this.purge(store)
      }
    }
    if (purged > 0) {
      this.core.touched = true
      this.plan()
    }
    return purged > 0
  }

  private purge({ view, clock }: ExpiringStore): number {
    return view.purge(MOST_TOMBSTONES, Math.max(0, clock.time))
  }

  private plan(): void {
    for (const store of this.stores) {
      if (store.wall) {
        store.next = store.view.nextExpiry() ?? Number.POSITIVE_INFINITY
      }
    }
  }
}

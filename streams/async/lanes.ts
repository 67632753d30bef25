/**
 * Whose turn it is: pending calls are chosen lane by lane (deficit round-robin over weights), within a lane in order of
 * admission. One tenant's flood waits in its own lane and delays no other.
 */
import { StreamsError } from '../errors.ts'
import type { Entry } from './entry.ts'
import { Heap } from './heap.ts'

interface Lane {
  readonly name: string
  readonly weight: number
  readonly entries: Heap<Entry>
  credit: number
}

/** A lane with less would get a turn so rarely that it would look stalled. */
const MIN_WEIGHT = 0.01

export class Lanes {
  private readonly weight: ((lane: string) => number) | undefined
  private readonly lanes = new Map<string, Lane>()
  /** Lanes with something in them, in the order of their turns. */
  private readonly ring: Lane[] = []
  private turn = 0

  constructor(weight: ((lane: string) => number) | undefined) {
    this.weight = weight
  }

  push(entry: Entry): void {
    let lane = this.lanes.get(entry.lane)
    if (lane === undefined) {
      const entries = new Heap<Entry>((a, b) => a.admission < b.admission)
      lane = { name: entry.lane, weight: this.weightOf(entry.lane), entries, credit: 0 }
      this.lanes.set(entry.lane, lane)
      this.ring.push(lane)
    }
    lane.entries.push(entry)
  }

  /** The next entry to call, or undefined. */
  take(): Entry | undefined {
    for (;;) {
      const lane = this.ring[this.turn]
      if (lane === undefined) {
        return undefined
      }
      // Entries that were taken back, or restarted another way, are passed over.
      while (lane.entries.size > 0 && lane.entries.peek()!.state !== 'queued') {
        lane.entries.pop()
      }
      if (lane.entries.size === 0) {
        this.leave(lane)
        continue
      }
      if (lane.credit < 1) {
        // Its turn begins: it is given its weight, and the turn goes on when that is less than one call.
        lane.credit += lane.weight
        if (lane.credit < 1) {
          this.next()
          continue
        }
      }
      lane.credit -= 1
      const entry = lane.entries.pop()!
      if (lane.entries.size === 0) {
        this.leave(lane)
      } else if (lane.credit < 1) {
        this.next()
      }
      return entry
    }
  }

  clear(): void {
    this.lanes.clear()
    this.ring.length = 0
    this.turn = 0
  }

  private weightOf(name: string): number {
    const weight = this.weight === undefined ? 1 : this.weight(name)
    if (!(weight > 0) || !Number.isFinite(weight)) {
      throw new StreamsError('CONFIG_INVALID', `laneWeight gave ${weight}; a weight must be a number > 0.`)
    }
    return Math.max(weight, MIN_WEIGHT)
  }

  private next(): void {
    this.turn = this.turn + 1 >= this.ring.length ? 0 : this.turn + 1
  }

  /** An empty lane keeps no credit: it must not save up turns while it has nothing to do. */
  private leave(lane: Lane): void {
    this.lanes.delete(lane.name)
    this.ring.splice(this.turn, 1)
    if (this.turn >= this.ring.length) {
      this.turn = 0
    }
  }
}

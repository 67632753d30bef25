/**
 * Where the entries of one operator wait: in lanes, behind an older one of their key, for their turn in input order, or
 * parked; and what is counted of them.
 */
import type { AnyAsyncOperator } from '../graph/topology.ts'
import type { Entry } from './entry.ts'
import { Fifo } from './fifo.ts'
import { Heap } from './heap.ts'
import { Lanes } from './lanes.ts'
import type { ParkedKeys } from './parked.ts'

/** One call at a time per key: the head is in a lane, running, waiting for its next try, or parked. */
interface KeyQueue {
  readonly entries: Fifo<Entry>
  parked: boolean
}

export class PendingEntries {
  /** Parked ones and those behind them left out. */
  records = 0
  bytes = 0
  private readonly order: AnyAsyncOperator['order']
  private readonly parked: ParkedKeys
  private readonly lanes: Lanes
  private readonly entries = new Set<Entry>()
  private readonly keys = new Map<string, KeyQueue>()
  /** Order 'input': everything admitted, oldest first; results wait here for their turn. */
  private inputOrder = new Fifo<Entry>()
  /** Made when somebody downstream first asks for stream time. */
  private timestamps: Heap<Entry> | undefined

  constructor(operator: AnyAsyncOperator, parked: ParkedKeys) {
    this.order = operator.order
    this.parked = parked
    this.lanes = new Lanes(operator.laneWeight)
  }

  /** Puts a new or restored entry where it waits. */
  insert(entry: Entry): void {
    this.entries.add(entry)
    if (this.order === 'input') {
      this.inputOrder.push(entry)
    }
    const parkedBefore = entry.parkedAt > 0
    if (this.order === 'key' && entry.keyId !== undefined) {
      const queue = this.keys.get(entry.keyId)
      if (queue !== undefined) {
        queue.entries.push(entry)
        if (queue.parked) {
          this.parked.add(entry)
        } else {
          this.count(entry)
        }
        return
      }
      const entries = new Fifo<Entry>()
      entries.push(entry)
      this.keys.set(entry.keyId, { entries, parked: parkedBefore })
    }
    if (parkedBefore) {
      entry.to('parked')
      this.parked.park(entry)
      return
    }
    this.count(entry)
    this.lanes.push(entry)
  }

  /** Takes back the admission of the entry that was admitted last. */
  undo(entry: Entry): void {
    entry.to('undone')
    this.entries.delete(entry)
    if (this.order === 'input') {
      this.inputOrder.pop()
    }
    const queue = this.queueOf(entry)
    if (queue !== undefined) {
      queue.entries.pop()
      if (queue.entries.length === 0) {
        this.keys.delete(entry.keyId!)
      }
    }
    this.uncount(entry)
  }

  /** The entry is done; the next of its key goes to its lane. */
  finish(entry: Entry): void {
    entry.to('done')
    this.entries.delete(entry)
    this.uncount(entry)
    const queue = this.queueOf(entry)
    if (queue === undefined) {
      return
    }
    queue.entries.shift()
    const next = queue.entries.first
    if (next === undefined) {
      this.keys.delete(entry.keyId!)
    } else if (!queue.parked) {
      this.lanes.push(next)
    }
  }

  /** To be called: a new try, or a serde that has become ready. */
  requeue(entry: Entry): void {
    entry.to('queued')
    this.lanes.push(entry)
  }

  /** It was taken, and cannot be called yet. */
  putBack(entry: Entry): void {
    this.lanes.push(entry)
  }

  /** The next one to call. */
  take(): Entry | undefined {
    return this.lanes.take()
  }

  /** Order 'input': whose result is next. */
  oldest(): Entry | undefined {
    while (this.inputOrder.first?.state === 'done') {
      this.inputOrder.shift()
    }
    return this.inputOrder.first
  }

  /** Would this entry wait behind a parked one? */
  isBehindParked(entry: Entry): boolean {
    return this.queueOf(entry)?.parked === true
  }

  /** Lowest timestamp of what is not parked, Infinity for none. */
  lowestTimestamp(): number {
    let heap = this.timestamps
    if (heap === undefined) {
      heap = new Heap<Entry>((a, b) => a.timestamp < b.timestamp)
      this.timestamps = heap
      for (const entry of this.entries) {
        if (!this.parked.has(entry)) {
          heap.push(entry)
        }
      }
    }
    for (;;) {
      const lowest = heap.peek()
      if (lowest === undefined) {
        return Number.POSITIVE_INFINITY
      }
      if (this.entries.has(lowest) && !this.parked.has(lowest)) {
        return lowest.timestamp
      }
      heap.pop()
    }
  }

  /** The key of the entry waits for a person, and what is behind it with it. */
  park(entry: Entry): void {
    entry.to('parked')
    this.uncount(entry)
    this.parked.park(entry)
    const queue = this.queueOf(entry)
    if (queue !== undefined) {
      queue.parked = true
      for (const behind of queue.entries) {
        if (behind !== entry) {
          this.uncount(behind)
          this.parked.add(behind)
        }
      }
    }
  }

  /** Takes a key out of the parking lot; its head, which is still `parked`, is for the caller to deal with. */
  unpark(head: Entry): readonly Entry[] {
    const queue = this.queueOf(head)
    const entries = queue === undefined ? [head] : [...queue.entries]
    for (const entry of entries) {
      this.parked.remove(entry)
      this.count(entry)
    }
    if (queue !== undefined) {
      queue.parked = false
    }
    return entries
  }

  clear(): void {
    this.entries.clear()
    this.keys.clear()
    this.lanes.clear()
    this.parked.clear()
    this.inputOrder = new Fifo()
    this.timestamps = undefined
    this.records = 0
    this.bytes = 0
  }

  private queueOf(entry: Entry): KeyQueue | undefined {
    return this.order === 'key' && entry.keyId !== undefined ? this.keys.get(entry.keyId) : undefined
  }

  private count(entry: Entry): void {
    this.records++
    this.bytes += entry.bytes
    this.timestamps?.push(entry)
  }

  private uncount(entry: Entry): void {
    if (this.parked.has(entry)) {
      this.parked.remove(entry)
      return
    }
    this.records--
    this.bytes -= entry.bytes
  }
}

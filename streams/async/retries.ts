import type { Entry } from './entry.ts'
import { Heap } from './heap.ts'

/** Entries that wait before they are called again, by the time that is due. Those that have left meanwhile are passed over. */
export class Retries {
  private readonly heap = new Heap<Entry>((a, b) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.admission < b.admission))

  push(entry: Entry): void {
    this.heap.push(entry)
  }

  /** When the next one is due, Infinity for none. */
  nextDeadline(): number {
    return this.next()?.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** Takes the next one out, if its time has come. */
  takeDue(now: number): Entry | undefined {
    const next = this.next()
    return next !== undefined && next.dueAt <= now ? this.heap.pop() : undefined
  }

  clear(): void {
    this.heap.clear()
  }

  private next(): Entry | undefined {
    let next = this.heap.peek()
    while (next !== undefined && next.state !== 'backoff') {
      this.heap.pop()
      next = this.heap.peek()
    }
    return next
  }
}

/** The keys of one operator that wait for a person: by id, with what is queued behind them, within a bound (rule C7). */
import type { Entry } from './entry.ts'

export interface ParkedKey {
  readonly operator: string
  /** Handle for release and drop: base64url of the serialized key, or `#<admission>` for a record without one. */
  readonly id: string
  readonly records: number
  /** Wall clock, ms. */
  readonly parkedAt: number
  readonly attempts: number
  /** Error code of the last try. */
  readonly failure: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export class ParkedKeys {
  records = 0
  bytes = 0
  private readonly maxRecords: number
  private readonly maxBytes: number
  private readonly heads = new Map<string, Entry>()
  private readonly members = new Map<Entry, string>()
  private readonly byKey: boolean

  constructor(byKey: boolean, maxRecords: number, maxBytes: number) {
    this.byKey = byKey
    this.maxRecords = maxRecords
    this.maxBytes = maxBytes
  }

  get full(): boolean {
    return this.records >= this.maxRecords || this.bytes >= this.maxBytes
  }

  has(entry: Entry): boolean {
    return this.members.has(entry)
  }

  /** The failed entry itself. */
  park(entry: Entry): void {
    this.heads.set(this.id(entry), entry)
    this.add(entry)
  }

  /** One that is queued behind it. */
  add(entry: Entry): void {
    this.members.set(entry, this.id(entry))
    this.records++
    this.bytes += entry.bytes
  }

  remove(entry: Entry): void {
    const id = this.members.get(entry)
    if (id === undefined) {
      return
    }
    this.members.delete(entry)
    this.records--
    this.bytes -= entry.bytes
    if (this.heads.get(id) === entry) {
      this.heads.delete(id)
    }
  }

  head(id: string): Entry | undefined {
    return this.heads.get(id)
  }

  entries(): IterableIterator<Entry> {
    return this.members.keys()
  }

  list(operator: string): ParkedKey[] {
    const counts = new Map<string, number>()
    for (const id of this.members.values()) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return [...this.heads].map(([id, head]) => ({
      operator,
      id,
      records: counts.get(id)!,
      parkedAt: head.parkedAt,
      attempts: head.attempts,
      failure: head.failure,
      topic: head.topic,
      partition: head.partition,
      offset: head.offset,
    }))
  }

  clear(): void {
    this.heads.clear()
    this.members.clear()
    this.records = 0
    this.bytes = 0
  }

  private id(entry: Entry): string {
    return this.byKey && entry.keyId !== undefined ? Buffer.from(entry.keyId, 'latin1').toString('base64url') : `#${entry.admission}`
  }
}

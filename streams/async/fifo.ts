/** Queue with constant-time ends; `shift` of a long array moves all of it. */
export class Fifo<T> {
  private items: T[] = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  get first(): T | undefined {
    return this.items[this.head]
  }

  push(item: T): void {
    this.items.push(item)
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.head === this.items.length) {
      return undefined
    }
    const item = this.items[this.head++]
    if (this.head > 32 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }

  /** Takes the newest. */
  pop(): T | undefined {
    return this.length === 0 ? undefined : this.items.pop()
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = this.head; i < this.items.length; i++) {
      yield this.items[i]!
    }
  }
}

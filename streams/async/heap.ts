/** Binary min-heap; equal elements come out in no particular order. */
export class Heap<T> {
  private readonly items: T[] = []
  private readonly before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.before = before
  }

  get size(): number {
    return this.items.length
  }

  peek(): T | undefined {
    return this.items[0]
  }

  push(item: T): void {
    const { items, before } = this
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(item, items[parent]!)) {
        break
      }
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  pop(): T | undefined {
    const { items, before } = this
    const top = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) {
      return top
    }
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) {
        break
      }
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) {
        child++
      }
      if (!before(items[child]!, last)) {
        break
      }
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return top
  }

  clear(): void {
    this.items.length = 0
  }
}

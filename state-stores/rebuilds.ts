import type { ChangelogPosition, Row } from './contract.ts'
import { StateStoreError } from './errors.ts'
import { type Book, bookRow } from './layout.ts'
import type { TaskStoreView } from './store-view.ts'

/**
 * Stores that are built anew from their changelogs under another prefix, with the positions they have come to. Until the
 * swap the old rows and their positions are untouched, so that an interrupted rebuild costs nothing but its time.
 */
export class Rebuilds {
  readonly #book: Book
  readonly #write: (rows: readonly Row[]) => Promise<void>
  readonly #positions = new Map<number, Map<string, ChangelogPosition>>()

  constructor(book: Book, write: (rows: readonly Row[]) => Promise<void>) {
    this.#book = book
    this.#write = write
  }

  /** Of the rebuild that reads this changelog, once it has one. */
  position(changelog: string): ChangelogPosition | undefined {
    for (const positions of this.#positions.values()) {
      const position = positions.get(changelog)
      if (position !== undefined) {
        return position
      }
    }
    return undefined
  }

  /** The rows up to there are written under the rebuild's prefix. */
  advanced(prefix: number, changelog: string, position: ChangelogPosition): void {
    this.#positions.get(prefix)?.set(changelog, position)
  }

  async begin(view: TaskStoreView): Promise<void> {
    const { name } = view
    if (view.rebuilding !== undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${name} is being rebuilt already`)
    }
    if (view.open.size > 0 || view.frozen !== undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${name} has uncommitted writes; apply or drop them before a rebuild`)
    }
    const prefix = this.#book.nextPrefix++
    view.rebuilding = prefix
    try {
      await this.#write([
        bookRow('next-prefix', this.#book.nextPrefix),
        bookRow(`store/${name}`, { prefix: view.prefixNumber, layout: this.#layout(name), rebuilding: prefix }),
      ])
    } catch (error) {
      view.rebuilding = undefined
      throw error
    }
    this.#positions.set(prefix, new Map())
  }

  /** Writes the swap; `swapped` then runs in the turn in which it is done. */
  async finish(view: TaskStoreView, swapped: () => void): Promise<void> {
    const { name, rebuilding: prefix } = view
    const positions = prefix === undefined ? undefined : this.#positions.get(prefix)
    if (prefix === undefined || positions === undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${name} is not being rebuilt; call beginRebuild first`)
    }
    const old = view.prefixNumber
    const rows = [bookRow(`store/${name}`, { prefix, layout: this.#layout(name) }), bookRow(`garbage/${old}`, true)]
    for (const [changelog, position] of positions) {
      rows.push(bookRow(`position/${changelog}`, position), bookRow(`rebuilt/${prefix}/${changelog}`, undefined))
    }
    await this.#write(rows)
    for (const [changelog, position] of positions) {
      this.#book.positions.set(changelog, position)
    }
    this.#positions.delete(prefix)
    this.#book.garbage.add(old)
    view.swap(prefix)
    swapped()
  }

  #layout(store: string): string | undefined {
    return this.#book.stores.get(store)?.layout
  }
}

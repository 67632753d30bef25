import type { StateMark } from './contract.ts'
import { StateStoreError } from './errors.ts'
import type { Overlay, OverlayEntry } from './overlay.ts'

class Mark {
  readonly at: number
  /** Ranges opened before. */
  readonly ranges: number

  constructor(at: number, ranges: number) {
    this.at = at
    this.ranges = ranges
  }
}

/**
 * What the open generation overwrote since the oldest mark, so that a failed operator's writes can be taken back (rule
 * B1). Marks nest. A mark may be gone back to any number of times until it is released; going back to one ends the marks
 * set after it, and freezing or dropping the generation ends them all.
 */
export class UndoLog {
  #marks: Mark[] = []
  /** Entries in use. The arrays only shrink with the generation: a mark per record would allocate them per record. */
  #length = 0
  #overlays: Overlay[] = []
  #ids: string[] = []
  #old: (OverlayEntry | undefined)[] = []

  get active(): boolean {
    return this.#marks.length > 0
  }

  /** `ranges`: how many were opened so far. */
  mark(ranges: number): StateMark {
    const mark = new Mark(this.#length, ranges)
    this.#marks.push(mark)
    return mark as unknown as StateMark
  }

  /** `overlay`'s entry `id` was `old` until now. Called only while `active`. */
  record(overlay: Overlay, id: string, old: OverlayEntry | undefined): void {
    const at = this.#length++
    this.#overlays[at] = overlay
    this.#ids[at] = id
    this.#old[at] = old
  }

  /** Returns how many ranges were opened before the mark: they show nothing of what is taken back. */
  rollback(mark: StateMark): number {
    const index = this.#find(mark)
    this.#marks.length = index + 1
    const { at, ranges } = this.#marks[index]!
    for (let i = this.#length - 1; i >= at; i--) {
      this.#overlays[i]!.restore(this.#ids[i]!, this.#old[i])
    }
    this.#length = at
    return ranges
  }

  release(mark: StateMark): void {
    const index = this.#find(mark)
    if (this.#marks.length === 1) {
      this.#marks.pop()
      this.#length = 0
    } else {
      this.#marks.splice(index, 1)
    }
  }

  clear(): void {
    this.#marks = []
    this.#length = 0
    this.#overlays = []
    this.#ids = []
    this.#old = []
  }

  #find(mark: StateMark): number {
    const index = this.#marks.lastIndexOf(mark as unknown as Mark)
    if (index < 0) {
      throw new StateStoreError(
        'MARK_INVALID',
        'this mark was released, belongs to a finished generation or was set after one that was gone back to; take a new one',
      )
    }
    return index
  }
}

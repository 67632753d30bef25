import { dropped } from '../../graph/dropped.ts'
import type { ProcessorContext } from '../../processor.ts'
import type { Record } from '../../record.ts'

/** Names of an aggregate's children when its late records are asked for: results go to one, late records to the other. */
export interface SideOutput {
  readonly results: string
  readonly late: string
}

/** Where the results of a windowed operator go, and the records that came too late for it. */
export class Outputs<K, V, KR, VR> {
  readonly #context: ProcessorContext<KR, VR>
  readonly #node: string
  readonly #side: SideOutput | undefined

  constructor(context: ProcessorContext<KR, VR>, node: string, side: SideOutput | undefined) {
    this.#context = context
    this.#node = node
    this.#side = side
  }

  result(record: Record<KR, VR>): void {
    this.#context.forward(record, this.#side?.results)
  }

  /** The record was too late for `windows` of its windows: for all of them if `lost`. */
  late(record: Record<K, V>, windows: number, lost: boolean): void {
    if (lost && this.#side !== undefined) {
      this.#context.forward(record as unknown as Record<KR, VR>, this.#side.late)
      return
    }
    for (let i = 0; i < windows; i++) {
      dropped(this.#context, this.#node, 'late')
    }
  }

  /** So many results expired before they could be told. */
  lost(results: number): void {
    for (let i = 0; i < results; i++) {
      dropped(this.#context, this.#node, 'expired')
    }
  }
}

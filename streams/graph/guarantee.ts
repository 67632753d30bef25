import type { ProcessingContext } from '../processor.ts'

/** What the engine's own contexts have beyond the public one. Absent in contexts of tests. */
export interface GuaranteedContext extends ProcessingContext {
  readonly exactlyOnce?: boolean
}

/** True where what a record changed and what it sent are committed together or not at all. */
export function exactlyOnce(context: ProcessingContext): boolean {
  return (context as GuaranteedContext).exactlyOnce ?? true
}

/** What the pool and its processes say to each other, over Node's IPC channel with structured clones. */

export interface TaskMessage {
  readonly kind: 'task'
  readonly id: number
  readonly input: unknown
}

/** Nobody waits for the task any more. */
export interface AbortMessage {
  readonly kind: 'abort'
  readonly id: number
}

export type ToProcess = TaskMessage | AbortMessage

export type FromProcess =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  /** The handler threw: a defect or a parser's refusal nobody foresaw. The class of error only, its text may quote the document. */
  | { readonly kind: 'error'; readonly id: number; readonly name: string }

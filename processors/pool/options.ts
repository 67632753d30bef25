export interface PoolOptions {
  /** For errors and metrics. */
  readonly name: string
  /** The module each process runs; it calls `serve`. */
  readonly entry: URL
  /** Its arguments, `process.argv` from the third on. */
  readonly args?: readonly string[]
  /** Processes at most; they start when there is work. */
  readonly size: number
  /** A process is replaced after so many tasks: prevents that a parser's leak grows for ever. */
  readonly recycleAfter: number
  /** Resident bytes at which a process is killed (its task fails with MEMORY): V8's limits do not count native and WASM memory. */
  readonly maxRssBytes: number
  /** V8 heap of a process, MiB. */
  readonly maxHeapMiB: number
  /** Prevents that a process that never gets ready holds the queue. Default 60 s. */
  readonly startTimeoutMs?: number
  /** A native library tries itself out in a process first. Never for parsers: what they read must start nothing. */
  readonly mayStartProcesses?: boolean
  /** A task that is aborted is told so and has to end by itself; without it its process is killed. For processes that are dear to start. */
  readonly stopsTasks?: boolean
}

export interface RunOptions {
  /** From the moment a process takes the task: prevents that a parser's endless loop holds a process for ever. */
  readonly timeoutMs: number
  /** Until a process takes the task (then it fails with BUSY): prevents that one who asks waits for all before him. Default: as long as it takes. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/**
 * Where a stream thread is, in shared memory: the supervisor can see it although the thread's loop stands still (rule
 * C10). A turn begins with the time and ends with 0.
 */
export class Progress {
  readonly buffer: SharedArrayBuffer
  readonly #times: Float64Array
  readonly #place: Int32Array
  readonly #text: Uint8Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8 + 8 + 256)) {
    this.buffer = buffer
    this.#times = new Float64Array(buffer, 0, 1)
    this.#place = new Int32Array(buffer, 8, 2)
    this.#text = new Uint8Array(buffer, 16)
  }

  /** The thread begins a turn with this task. `now` on the wall clock, ms. */
  enter(task: string, now: number): void {
    const length = Math.min(task.length, this.#text.length)
    for (let i = 0; i < length; i++) {
      this.#text[i] = task.charCodeAt(i)
    }
    this.#place[0] = length
    this.#times[0] = now
  }

  leave(): void {
    this.#times[0] = 0
  }

  /** The task and since when it has the thread, or undefined between turns. */
  read(): { readonly task: string; readonly since: number } | undefined {
    const since = this.#times[0]!
    if (since === 0) {
      return undefined
    }
    return { task: String.fromCharCode(...this.#text.subarray(0, this.#place[0])), since }
  }
}

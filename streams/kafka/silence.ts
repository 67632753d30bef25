/** Below this a broker that starts again, or a leader that moves, is nobody's business. */
const TELL_AFTER_MS = 3_000

/** How long no broker has answered. Who waits for one is told once per silence, because what waits says nothing itself. */
export class Silence {
  readonly #tell: ((message: string) => void) | undefined
  readonly #now: () => number
  #since: number | undefined
  #told = false

  constructor(tell: ((message: string) => void) | undefined, now: () => number = () => performance.now()) {
    this.#tell = tell
    this.#now = now
  }

  end(): void {
    this.#since = undefined
    this.#told = false
  }

  /** All brokers were asked, beginning at `begun` (ms), and none has answered; `error` is the last one's. */
  lasts(begun: number, error: Error): void {
    this.#since ??= begun
    const ms = this.#now() - this.#since
    if (!this.#told && ms >= TELL_AFTER_MS) {
      this.#told = true
      this.#tell?.(
        `No broker has answered for ${Math.round(ms / 1_000)} s: ${error.message} They are asked again. Check bootstrapServers, and that tls and sasl are what this listener speaks.`
      )
    }
  }
}

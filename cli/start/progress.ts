/** Without a terminal, a line this often: a log stays readable. */
const PLAIN_MS = 2_000

/** One line of progress: redrawn on a terminal, printed now and then elsewhere. */
export class Progress {
  #line = ''
  #changedAt = performance.now()
  #printedAt = Number.NEGATIVE_INFINITY

  show(line: string): void {
    const now = performance.now()
    if (line === this.#line) {
      return
    }
    this.#line = line
    this.#changedAt = now
    if (process.stdout.isTTY) {
      process.stdout.write(`\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}`)
    } else if (now - this.#printedAt >= PLAIN_MS) {
      this.#printedAt = now
      console.log(line)
    }
  }

  /** Milliseconds since the line last changed. */
  quietFor(): number {
    return performance.now() - this.#changedAt
  }

  end(): void {
    if (process.stdout.isTTY) {
      process.stdout.write('\n')
    } else {
      console.log(this.#line)
    }
  }
}

/** What one test file (or one check) came to. */
export interface Outcome {
  readonly name: string
  readonly passed: number
  readonly failures: readonly string[]
  readonly seconds: number
}

export class Report {
  readonly #write: (text: string) => void
  readonly #outcomes: Outcome[] = []

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  say(text: string): void {
    this.#write(`${text}\n`)
  }

  /** Prints one line for a file, and its failures in full. */
  add(outcome: Outcome): void {
    this.#outcomes.push(outcome)
    const { name, passed, failures, seconds } = outcome
    this.say(`${failures.length === 0 ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(6)} s  ${String(passed).padStart(5)} passed  ${name}`)
    for (const failure of failures) {
      this.say(indent(failure))
    }
  }

  /** Repeats which files failed, and ends with the counts as the very last line. Returns the exit code. */
  finish(): number {
    const passed = this.#outcomes.reduce((sum, outcome) => sum + outcome.passed, 0)
    const failed = this.#outcomes.reduce((sum, outcome) => sum + outcome.failures.length, 0)
    for (const { name, failures } of this.#outcomes.filter((outcome) => outcome.failures.length > 0)) {
      this.say(`failed: ${name} (${failures.length})`)
    }
    this.say(`${passed} passed, ${failed} failed`)
    return failed === 0 && passed > 0 ? 0 : 1
  }
}

function indent(text: string): string {
  return text.trimEnd().split('\n').map((line) => `    ${line}`).join('\n')
}

// Counts the leaf assertions of a TAP stream: the closing line of a subtest repeats its assertions and is not counted.
import { type FinalResults, Parser, type Result } from 'tap-parser'

export interface Tally {
  readonly passed: number
  readonly failures: readonly string[]
}

/** Words that tap itself puts on a test without assertions (one that only must not throw). */
const EMPTY = /no tests found/i

export class TapCounter {
  readonly #parser: Parser
  #passed = 0
  readonly #failures: string[] = []
  #complete = false

  constructor() {
    this.#parser = new Parser({ strict: false })
    this.#watch(this.#parser)
  }

  write(chunk: string): void {
    this.#parser.write(chunk)
  }

  /** Ends the stream and returns the counts. */
  end(): Tally {
    this.#parser.end()
    if (!this.#complete && this.#failures.length === 0) {
      this.#failures.push('the TAP output is not complete')
    }
    return { passed: this.#passed, failures: this.#failures }
  }

  #watch(parser: Parser): void {
    let before = 0
    parser.on('child', (child: Parser) => {
      before = this.#passed + this.#failures.length
      this.#watch(child)
    })
    parser.on('assert', (result: Result) => {
      const counted = result.closingTestPoint && this.#passed + this.#failures.length > before
      if (!counted) {
        this.#leaf(result)
      }
    })
    parser.on('bailout', (reason: string) => this.#failures.push(`bailed out: ${reason}`))
    parser.on('complete', (results: FinalResults) => {
      if (parser !== this.#parser) {
        return
      }
      this.#complete = true
      if (!results.ok && this.#failures.length === 0) {
        this.#failures.push(`the TAP output says not ok: ${results.failures.map((failure) => failure.tapError ?? '').join('; ')}`)
      }
    })
  }

  #leaf(result: Result): void {
    const skipped = typeof result.skip === 'string' ? !EMPTY.test(result.skip) : result.skip
    if (skipped || result.todo) {
      this.#failures.push(`${result.fullname}: ${result.name}\nskipped or to do (${String(result.skip || result.todo)}): a check that does not run proves nothing`)
    } else if (result.ok) {
      this.#passed++
    } else {
      this.#failures.push(`${result.fullname.trim()}\n${describe(result.diag)}`)
    }
  }
}

/** The diagnostics of a failed assertion, readable: what was expected, where. */
function describe(diagnostics: unknown): string {
  if (typeof diagnostics !== 'object' || diagnostics === null) {
    return ''
  }
  const lines = Object.entries(diagnostics).filter(([name]) => name !== 'source').map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return text?.includes('\n') ? `${name}:\n${text}` : `${name}: ${text}`
  })
  return lines.join('\n')
}

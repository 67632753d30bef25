/**
 * The patterns of rules: a subset of regular expressions that is matched in time linear in the text, whatever the pattern.
 *
 * A pattern is a row of items (a character, `.`, `\d`, `\w`, `\s`, an escaped character, a class `[A-Z0-9-]` or `[^ ]`), each with at most
 * one of `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}` behind it; it is about the whole value. There are no groups, no alternatives (a rule says
 * `any`), no look-around, no back-references: without nesting, what is left is a chain of at most `patternBounds.maxSteps` states, walked
 * once per character with all of them at a time (Thompson 1968), so that nothing is ever tried twice.
 */
export const patternBounds = { maxLength: 200, maxSteps: 256, maxTextLength: 10_000 } as const

type Test = (code: number) => boolean

/** One state of the chain; `optional` may be passed over, `repeats` may be stayed in. */
interface Step {
  readonly test: Test
  readonly optional: boolean
  readonly repeats: boolean
}

export type Matcher = (text: string) => boolean

export type ParsedPattern = { readonly matches: Matcher } | { readonly reason: string }

/** Compiles a pattern, or says what is wrong with it. Characters are Unicode code points. */
export function parsePattern(pattern: string): ParsedPattern {
  if (pattern.length > patternBounds.maxLength) {
    return { reason: `a pattern of at most ${patternBounds.maxLength} characters expected` }
  }
  try {
    const steps = new PatternReader(pattern).read()
    return { matches: (text) => run(steps, text) }
  } catch (error) {
    if (error instanceof PatternRefused) {
      return { reason: error.message }
    }
    throw error
  }
}

class PatternRefused extends Error {}

class PatternReader {
  readonly #characters: readonly string[]
  #at = 0

  constructor(pattern: string) {
    this.#characters = [...pattern]
  }

  read(): readonly Step[] {
    const steps: Step[] = []
    while (this.#at < this.#characters.length) {
      const test = this.#item()
      const { least, most } = this.#count()
      const copies = most === Number.POSITIVE_INFINITY ? least + 1 : most
      if (steps.length + copies > patternBounds.maxSteps) {
        throw new PatternRefused(`the pattern stands for more than ${patternBounds.maxSteps} characters: use * or + instead of large counts`)
      }
      for (let n = 0; n < copies; n += 1) {
        steps.push({ test, optional: n >= least, repeats: n >= least && most === Number.POSITIVE_INFINITY })
      }
    }
    return steps
  }

  #item(): Test {
    const character = this.#take()
    switch (character) {
      case '.':
        return () => true
      case '\\':
        return this.#escaped()
      case '[':
        return this.#characterClass()
      case '(': case ')': case '|': case '^': case '$':
        throw new PatternRefused(`'${character}' is not part of patterns (whole value, no groups, no alternatives): use any, or \\${character} for the character`)
      case '?': case '*': case '+': case '{': case '}': case ']':
        throw new PatternRefused(`'${character}' has nothing before it: write \\${character} for the character`)
      default:
        return is(character)
    }
  }

  #count(): { readonly least: number; readonly most: number } {
    switch (this.#characters[this.#at]) {
      case '?':
        this.#at += 1
        return { least: 0, most: 1 }
      case '*':
        this.#at += 1
        return { least: 0, most: Number.POSITIVE_INFINITY }
      case '+':
        this.#at += 1
        return { least: 1, most: Number.POSITIVE_INFINITY }
      case '{':
        return this.#braces()
      default:
        return { least: 1, most: 1 }
    }
  }

  #braces(): { readonly least: number; readonly most: number } {
    const end = this.#characters.indexOf('}', this.#at)
    const found = /^\{(\d{1,3})(,(\d{0,3}))?$/.exec(this.#characters.slice(this.#at, end < 0 ? this.#at : end).join(''))
    if (found === null) {
      throw new PatternRefused('{n}, {n,} or {n,m} expected')
    }
    this.#at = end + 1
    const least = Number(found[1])
    const most = found[2] === undefined ? least : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
    if (most < least) {
      throw new PatternRefused('{n,m}: m is less than n')
    }
    return { least, most }
  }

  #escaped(): Test {
    const character = this.#take()
    const known = classes[character]
    if (known !== undefined) {
      return known
    }
    if (/[\p{L}\p{N}]/u.test(character)) {
      throw new PatternRefused(`\\${character} is not known: \\d, \\w, \\s, or a punctuation mark`)
    }
    return is(character)
  }

  #characterClass(): Test {
    const negated = this.#characters[this.#at] === '^'
    this.#at += negated ? 1 : 0
    const tests: Test[] = []
    for (let character = this.#take(); character !== ']'; character = this.#take()) {
      if (character === '[') {
        throw new PatternRefused("'[' in a class: write \\[ for the character")
      }
      if (character === '\\') {
        tests.push(this.#escaped())
      } else if (this.#characters[this.#at] === '-' && this.#characters[this.#at + 1] !== ']' && this.#at + 1 < this.#characters.length) {
        this.#at += 1
        tests.push(range(character, this.#take()))
      } else {
        tests.push(is(character))
      }
    }
    if (tests.length === 0) {
      throw new PatternRefused('an empty class')
    }
    return (code) => tests.some((test) => test(code)) !== negated
  }

  #take(): string {
    const character = this.#characters[this.#at]
    if (character === undefined) {
      throw new PatternRefused('the pattern ends in the middle of a class or an escape')
    }
    this.#at += 1
    return character
  }
}

const is = (character: string): Test => {
  const wanted = character.codePointAt(0)
  return (code) => code === wanted
}

function range(from: string, to: string): Test {
  const first = from.codePointAt(0) ?? 0
  const last = to.codePointAt(0) ?? 0
  if (to === '\\' || last < first) {
    throw new PatternRefused('a range of a class goes from a lower to a higher character')
  }
  return (code) => code >= first && code <= last
}

const digit = range('0', '9')
const upper = range('A', 'Z')
const lower = range('a', 'z')
const classes: { readonly [name: string]: Test | undefined } = Object.assign(Object.create(null) as object, {
  d: digit,
  w: (code: number) => digit(code) || upper(code) || lower(code) || code === 0x5f,
  s: (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xa0,
})

/** All states at once, one character at a time: text × steps. */
function run(steps: readonly Step[], text: string): boolean {
  if (text.length > patternBounds.maxTextLength) {
    return false
  }
  let here = new Uint8Array(steps.length + 1)
  let next = new Uint8Array(steps.length + 1)
  here[0] = 1
  passOver(steps, here)
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    next.fill(0)
    for (const [n, step] of steps.entries()) {
      if (here[n] === 1 && step.test(code)) {
        next[step.repeats ? n : n + 1] = 1
      }
    }
    passOver(steps, next)
    ;[here, next] = [next, here]
  }
  return here[steps.length] === 1
}

function passOver(steps: readonly Step[], states: Uint8Array): void {
  for (const [n, step] of steps.entries()) {
    if (states[n] === 1 && step.optional) {
      states[n + 1] = 1
    }
  }
}

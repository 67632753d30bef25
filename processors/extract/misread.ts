/** Words as recognition may have misread them. */

/** Letters and digits that recognition confuses, folded into one. */
const folds: Readonly<Record<string, string>> = { '0': 'o', q: 'o', '1': 'i', l: 'i', '|': 'i', '!': 'i', j: 'i', '5': 's', $: 's', '8': 'b', '6': 'g', '2': 'z', '4': 'a', h: 'n', c: 'e', u: 'v' }

export function fold(word: string): string {
  let folded = ''
  for (const letter of word.toLowerCase()) {
    folded += folds[letter] ?? letter
  }
  return folded
}

/** At most `limit` insertions, deletions and replacements apart? Bounded work: words are short. */
export function within(a: string, b: string, limit: number): boolean {
  if (Math.abs(a.length - b.length) > limit) {
    return false
  }
  let previous = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    let least = i
    for (let j = 1; j <= b.length; j += 1) {
      const cost = Math.min(previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), previous[j]! + 1, current[j - 1]! + 1)
      current.push(cost)
      least = Math.min(least, cost)
    }
    if (least > limit) {
      return false
    }
    previous = current
  }
  return previous[b.length]! <= limit
}

/** Errors that a word of this length may have: none in short ones, which would become others. */
function tolerance(length: number): number {
  return length >= 9 ? 2 : length >= 5 ? 1 : 0
}

const maxWordLength = 24

/** Classes of words, matched as they may have been misread; what was looked up is remembered for the document. */
export class WordClasses<Class extends string> {
  readonly #exact = new Map<string, Class>()
  readonly #folded: { readonly word: string; readonly name: Class; readonly errors: number }[] = []

  constructor(classes: Readonly<Record<Class, readonly string[]>>) {
    for (const [name, words] of Object.entries(classes) as [Class, readonly string[]][]) {
      for (const word of words) {
        this.#exact.set(word, name)
        this.#folded.push({ word: fold(word), name, errors: tolerance(word.length) })
      }
    }
  }

  /** @param word lower case, without accents */
  of(word: string): Class | undefined {
    const exact = this.#exact.get(word)
    if (exact !== undefined || word.length < 3 || word.length > maxWordLength || !/\p{L}/u.test(word)) {
      return exact
    }
    const folded = fold(word)
    let best: { readonly name: Class; readonly length: number } | undefined
    for (const one of this.#folded) {
      if ((one.word === folded || (one.errors > 0 && within(folded, one.word, one.errors))) && one.word.length > (best?.length ?? 2)) {
        best = { name: one.name, length: one.word.length }
      }
    }
    return best?.name
  }
}

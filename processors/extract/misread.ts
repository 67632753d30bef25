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

const maxWordLength = 24
const rows = [new Uint8Array(maxWordLength + 8), new Uint8Array(maxWordLength + 8)] as const

/** At most `limit` insertions, deletions and replacements apart? Words beyond {@link maxWordLength} are none. */
export function within(a: string, b: string, limit: number): boolean {
  if (Math.abs(a.length - b.length) > limit || a.length > maxWordLength || b.length > maxWordLength) {
    return false
  }
  let [previous, current] = rows
  for (let n = 0; n <= b.length; n += 1) {
    previous[n] = n
  }
  for (let i = 1; i <= a.length; i += 1) {
    // Beside the diagonal nothing within the limit lies.
    const from = Math.max(1, i - limit)
    const to = Math.min(b.length, i + limit)
    let least = from === 1 ? i : limit + 1
    current[from - 1] = least
    for (let j = from; j <= to; j += 1) {
      const replaced = previous[j - 1]! + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1)
      const other = Math.min(j === i + limit ? limit + 1 : previous[j]! + 1, current[j - 1]! + 1)
      const cost = Math.min(replaced, other)
      current[j] = cost
      least = Math.min(cost, least)
    }
    if (least > limit) {
      return false
    }
    ;[previous, current] = [current, previous]
  }
  return previous[b.length]! <= limit
}

/** Errors that a word of this length may have: none in short ones, which would become others. */
function tolerance(length: number): number {
  return length >= 9 ? 2 : length >= 5 ? 1 : 0
}

/** Words looked up last: a receipt says the same ones again and again. */
const maxRemembered = 256

/** Classes of words, matched as they may have been misread. */
export class WordClasses<Class extends string> {
  readonly #exact = new Map<string, Class>()
  /** By length: a word is compared with those only that are long enough and not too long. */
  readonly #folded = new Map<number, { readonly word: string; readonly name: Class; readonly errors: number }[]>()
  readonly #remembered = new Map<string, Class | undefined>()

  constructor(classes: Readonly<Record<Class, readonly string[]>>) {
    for (const [name, words] of Object.entries(classes) as [Class, readonly string[]][]) {
      for (const word of words) {
        this.#exact.set(word, name)
        const sameLength = this.#folded.get(word.length) ?? []
        sameLength.push({ word: fold(word), name, errors: tolerance(word.length) })
        this.#folded.set(word.length, sameLength)
      }
    }
  }

  /** Is it one of the words as it stands? */
  has(word: string): boolean {
    return this.#exact.has(word)
  }

  /** @param word lower case, without accents */
  of(word: string): Class | undefined {
    const exact = this.#exact.get(word)
    if (exact !== undefined || word.length < 3 || word.length > maxWordLength || !/\p{L}/u.test(word)) {
      return exact
    }
    if (this.#remembered.has(word)) {
      return this.#remembered.get(word)
    }
    const found = this.#nearest(fold(word))
    if (this.#remembered.size >= maxRemembered) {
      this.#remembered.clear()
    }
    this.#remembered.set(word, found)
    return found
  }

  /** The longest word that this may be. */
  #nearest(folded: string): Class | undefined {
    for (let length = folded.length + 2; length >= Math.max(3, folded.length - 2); length -= 1) {
      for (const { word, name, errors } of this.#folded.get(length) ?? []) {
        if (word === folded || (errors > 0 && within(folded, word, errors))) {
          return name
        }
      }
    }
    return undefined
  }
}

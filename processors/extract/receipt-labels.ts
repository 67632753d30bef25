import { wordsOf } from './receipt-rows.ts'
import type { AmountWord } from './receipt-words.ts'
import { amountWords } from './receipt-words.ts'

/** What the words of a label say about its amount; two short words may be one that was split. */
export function labelWords(text: string): ReadonlySet<AmountWord> {
  const words = wordsOf(text).slice(-12)
  const classes = new Set<AmountWord>()
  for (const [n, word] of words.entries()) {
    const next = words[n + 1]
    const joined = next !== undefined && word.length + next.length <= 9 && !/\d/.test(word + next) ? amountWords.of(word + next) : undefined
    const found = amountWords.of(word) ?? joined
    if (found !== undefined) {
      classes.add(found)
    }
  }
  return classes
}

import type { TextLine } from '../types.ts'

/** Fewer characters than this are a stamp or a page number on a scan, not a text layer. */
const minCharacters = 16
const minReadable = 0.7

/**
 * Is a text layer worth reading? Fonts without a Unicode map give private-use or replacement characters, or letters that form no
 * words; then recognition of the rendered page is better.
 */
export function isUsableText(lines: readonly TextLine[]): boolean {
  let characters = 0
  let odd = 0
  let longWords = 0
  let vowelless = 0
  for (const line of lines) {
    for (const character of line.text) {
      if (character !== ' ') {
        characters += 1
        odd += isOdd(character.codePointAt(0)!) ? 1 : 0
      }
    }
    for (const [word] of line.text.matchAll(/[A-Za-z]{5,}/g)) {
      longWords += 1
      vowelless += /[aeiouyAEIOUY]/.test(word) ? 0 : 1
    }
  }
  if (characters < minCharacters) {
    return false
  }
  return 1 - odd / characters >= minReadable && !(longWords >= 10 && vowelless / longWords > 0.5)
}

function isOdd(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xfffd || (code >= 0xe000 && code <= 0xf8ff) || code >= 0xf0000
}

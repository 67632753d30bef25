import type { TextLine } from '../types.ts'

/** Fewer characters than this are a stamp or a page number on a scan, not a text layer. */
const minCharacters = 16
const minReadable = 0.7

/** The letters that European languages use most: .56 to .71 of a page's (Polish about .55), of one whose letters stand for others seldom .4. */
const frequent = /[eainrsto]/gi
const minFrequent = 0.42
/** Below this chance decides. */
const minLetters = 100

/**
 * Is a text layer worth reading? Fonts without a Unicode map give private-use or replacement characters, the numbers of their glyphs (every
 * letter a fixed way along the alphabet: 5HFKQXQJ for Rechnung), or letters that form no words; then recognition of the rendered page is better.
 */
export function isUsableText(lines: readonly TextLine[]): boolean {
  let characters = 0
  let odd = 0
  let longWords = 0
  let vowelless = 0
  let letters = 0
  let usual = 0
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
    for (const [word] of line.text.normalize('NFD').matchAll(/[A-Za-z]{4,}/g)) {
      letters += word.length
      usual += word.match(frequent)?.length ?? 0
    }
  }
  if (characters < minCharacters) {
    return false
  }
  if (letters >= minLetters && usual < minFrequent * letters) {
    return false
  }
  return 1 - odd / characters >= minReadable && !(longWords >= 10 && vowelless / longWords > 0.5)
}

function isOdd(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xfffd || (code >= 0xe000 && code <= 0xf8ff) || code >= 0xf0000
}

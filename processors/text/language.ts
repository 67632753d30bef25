import { eld } from 'eld/small'
import type { TextPage } from '../types.ts'

const minLetters = 40
const maxCharacters = 4000

/** ISO 639-1 of the document's words, `und` where there are too few to say. Numbers and codes are left out: they only confuse. */
export function detectLanguage(pages: readonly TextPage[]): string {
  let sample = ''
  for (const page of pages) {
    for (const line of page.lines) {
      if (sample.length < maxCharacters) {
        sample += `${line.text.replace(/[\d\p{P}\p{S}]+/gu, ' ')} `
      }
    }
  }
  const letters = sample.replace(/\s+/g, '').length
  if (letters < minLetters) {
    return 'und'
  }
  const { language } = eld.detect(sample.slice(0, maxCharacters))
  return language === '' ? 'und' : language
}

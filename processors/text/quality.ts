import type { TextLine, TextPage, TextWord } from '../types.ts'

export function charactersOf(lines: readonly TextLine[]): number {
  return lines.reduce((sum, line) => sum + line.text.length, 0)
}

/** Mean confidence weighted by characters, 0 to 1; 0 without text. */
export function qualityOf(pages: readonly Pick<TextPage, 'lines'>[]): number {
  const lines = pages.flatMap((page) => page.lines)
  const total = charactersOf(lines)
  const sum = lines.reduce((weighted, line) => weighted + line.confidence * line.text.length, 0)
  return total === 0 ? 0 : Math.round((sum / total) * 10_000) / 10_000
}

/** A word below this is not trusted. */
const unsure = 0.75
/** Above this share of such characters a page is worth a second reading. */
const maxUnsureShare = 0.04
/** So few characters on a page that was scanned are more often a page not found than a page with little on it. */
const minCharacters = 40

/** Would a second engine probably read this page better? It would each of 200 real till receipts; clean scans of large print need none. */
export function isDoubtful(rows: readonly (readonly TextWord[])[]): boolean {
  let all = 0
  let doubtful = 0
  for (const word of rows.flat()) {
    all += word.text.length
    doubtful += word.confidence < unsure ? word.text.length : 0
  }
  return all < minCharacters || doubtful > maxUnsureShare * all
}

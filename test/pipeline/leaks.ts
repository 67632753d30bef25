import { readFileSync } from 'node:fs'
import type { TestDocument } from './documents.ts'

/** Shorter ones ("5.00") stand in any log as times and sizes. */
const SHORTEST = 6

/** Where a log says what a document says: `file:line`, never the text itself. */
export function leaks(logs: readonly string[], documents: readonly TestDocument[]): string[] {
  const words = [...new Set(documents.flatMap(({ confidential }) => confidential))].filter((word) => word.length >= SHORTEST)
  if (words.length === 0) {
    throw new Error('There is nothing to look for.')
  }
  const pattern = new RegExp(words.map((word) => `(?<![0-9A-Za-z])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![0-9A-Za-z])`).join('|'))
  return logs.flatMap((log) => {
    const lines = readFileSync(log, 'utf8').split('\n')
    return lines.flatMap((line, number) => (pattern.test(line) ? [`${log}:${number + 1}`] : []))
  })
}

import type { Arguments, Output } from './command.ts'
import { UsageError } from './command.ts'

export const FORMAT_OPTION = { format: { type: 'string' } } as const
export const FORMAT_HELP = '  --format text|json    default text'

export type Cell = string | number

/** Throws `UsageError` for anything but text and json. To be asked before the cluster is. */
export function wantsJson(args: Arguments): boolean {
  const format = args.text('format') ?? 'text'
  if (format !== 'text' && format !== 'json') {
    throw new UsageError(`--format is ${JSON.stringify(format)}: give text or json`)
  }
  return format === 'json'
}

/** Rows as a table, or as JSON objects with the columns' names in lower camel case; `empty` is what a table without rows says. */
export function printRows(out: Output, json: boolean, header: readonly string[], rows: readonly (readonly Cell[])[], empty: string): void {
  if (json) {
    const names = header.map((title) => title.toLowerCase().replace(/ (.)/g, (_, letter: string) => letter.toUpperCase()))
    const objects = rows.map((row) => Object.fromEntries(row.map((cell, column) => [names[column]!, cell === '-' ? null : cell])))
    out.line(JSON.stringify(objects, undefined, 2))
  } else {
    out.line(rows.length === 0 ? empty : textTable(header, rows))
  }
}

/** Columns as wide as their widest cell; numbers to the right. */
export function textTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(printable))]
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === '-'))
  return cells
    .map((row) => row.map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd())
    .join('\n')
}

/** Names and headers come from brokers and other people's records: nothing of them may steer the terminal. */
export function printable(text: string | number): string {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

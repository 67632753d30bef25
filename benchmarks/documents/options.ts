/** The command line of `npm run benchmark -- documents`. */
import { count, parse } from '../command-line.ts'

export interface DocumentOptions {
  /** A set of scans laid out as `evaluation/README.md` says; undefined: the project's own samples. */
  readonly data: string | undefined
  readonly json: string | undefined
  readonly scans: number
  readonly textPages: number
  readonly documents: number
}

export const USAGE = `What documents cost: recognition, everything around it and the engine alone, text layers, and memory over many documents.

  npm run benchmark -- documents [options]

  --data DIR        scans with or without known answers (a folder like those of npm run evaluate); default: generated receipts
  --json FILE       also write the figures
  --scans N         recognised; default 100
  --text-pages N    of text-layer PDFs; default 1000
  --documents N     read for the memory; one in ten is a scan; default 2000

Profile standard: tesseract.js alone, one parsing and two recognising processes. Exit codes: 0 done, 1 a document was not read, 2 wrong usage.
`

const OPTIONS = { data: { type: 'string' }, json: { type: 'string' }, scans: { type: 'string' }, 'text-pages': { type: 'string' }, documents: { type: 'string' } } as const

/** Throws UsageError. */
export function parseDocumentOptions(args: readonly string[]): DocumentOptions {
  const values = parse(args, OPTIONS)
  return {
    data: values.data,
    json: values.json,
    scans: count('--scans', values.scans, 100, 2),
    textPages: count('--text-pages', values['text-pages'], 1_000, 2),
    documents: count('--documents', values.documents, 2_000, 40),
  }
}

import { main } from '../../cli/main.ts'

export interface Ran {
  readonly code: number
  readonly lines: string
  readonly remarks: string
}

/** One command line, as `millrace` runs it. */
export async function millrace(...words: string[]): Promise<Ran> {
  const lines: string[] = []
  const remarks: string[] = []
  const code = await main(words, { line: (text) => lines.push(text), remark: (text) => remarks.push(text) })
  return { code, lines: lines.join('\n'), remarks: remarks.join('\n') }
}

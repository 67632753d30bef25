import type { Counts, End } from './tally.ts'

/** The `--json` file, and what the table shows. */
export interface Summary {
  /** With the parts of mails and archives. */
  readonly received: number
  /** Of these: came out of others. */
  readonly parts: number
  readonly processed: number
  readonly duplicate: number
  readonly review: number
  readonly rejected: number
  readonly deadLetter: number
  readonly postgres: number
  readonly cassandra: number
  readonly seconds: number
}

/** What does not add up; empty: everything does. `unnamed` documents name no known tenant and are in no database. */
export function discrepancies(summary: Summary, sent: number, unnamed: number): string[] {
  const { received, parts, processed, duplicate, review, rejected, deadLetter, postgres, cassandra } = summary
  const ends = processed + duplicate + review + rejected + deadLetter
  const rows = received - unnamed
  const check = (holds: boolean, text: string): string[] => (holds ? [] : [text])
  return [
    ...check(received === sent + parts, `sent ${sent}${parts === 0 ? '' : ` and ${parts} inside of them`}, received ${received}`),
    ...check(ends === received, `received ${received}, ended ${ends}`),
    ...check(postgres === rows, `PostgreSQL holds ${postgres} of ${rows} documents`),
    ...check(cassandra === rows, `Cassandra holds ${cassandra} of ${rows} documents`),
  ]
}

export function table(summary: Summary): string {
  const rows: readonly (readonly [string, number])[] = [
    ['received', summary.received],
    ...(summary.parts === 0 ? [] : [['  inside of others', summary.parts] as const]),
    ['processed', summary.processed],
    ['duplicate', summary.duplicate],
    ['review', summary.review],
    ['rejected', summary.rejected],
    ['dead letter', summary.deadLetter],
    ['rows in PostgreSQL', summary.postgres],
    ['rows in Cassandra', summary.cassandra],
  ]
  return rows.map(([name, count]) => `  ${name.padEnd(20)}${String(count).padStart(8)}`).join('\n')
}

const ENDS: readonly (readonly [End, string])[] = [['processed', 'processed'], ['duplicate', 'duplicate'], ['review', 'review'], ['rejected', 'rejected'], ['deadLetter', 'dead letter']]
const UNDERWAY = ['WAITING', 'RECEIVED', 'DEDUPLICATED', 'UNFOLDED', 'TEXT_READ', 'CLASSIFIED', 'EXTRACTED', 'VALIDATED', 'ENRICHED'] as const

/** One line: where the documents of this run are. */
export function progressLine({ received, ends, states }: Counts, expected: number): string {
  const steps = UNDERWAY.flatMap((state) => (states.get(state) ?? 0) > 0 ? [`${state.toLowerCase().replace('_', ' ')} ${states.get(state)}`] : [])
  const ended = ENDS.flatMap(([end, name]) => (ends[end] > 0 ? [`${name} ${ends[end]}`] : []))
  return `received ${received}/${expected}  |  ${steps.join(', ') || 'nothing under way'}  |  ${ended.join(', ') || 'none ended yet'}`
}

/** What is printed and what is written. */
import type { SetResult } from './evaluate.ts'
import type { CalibrationBin, Score } from './scores.ts'

/** One line of the result. */
export interface Row {
  readonly set: string
  readonly profile: string
  readonly field: string
  /** Documents whose truth has the field. */
  readonly n: number
  readonly strictF1: number
  readonly normalisedF1: number
}

export interface Report {
  readonly date: string
  readonly rows: readonly Row[]
  readonly timings: readonly object[]
  readonly intervals: readonly object[]
  readonly calibration: readonly object[]
  readonly duplicates: readonly object[]
  readonly recognition: readonly object[]
  readonly failures: readonly object[]
  readonly unscored: readonly object[]
}

export function makeReport(results: readonly SetResult[], now: Date): Report {
  const of = ({ set, profile }: SetResult): { set: string; profile: string } => ({ set, profile })
  return {
    date: now.toISOString(),
    rows: results.flatMap((result) => result.scores.map(({ field, n, strictF1, normalisedF1 }) => ({ ...of(result), field, n, strictF1: round(strictF1), normalisedF1: round(normalisedF1) }))),
    timings: results.map((result) => ({ ...of(result), ...result.timings })),
    intervals: results.flatMap((result) => result.scores.map(({ field, missing, strictInterval, normalisedInterval }) => ({ ...of(result), field, missing, strictInterval, normalisedInterval }))),
    calibration: results.flatMap((result) => result.calibration.map((bin) => ({ ...of(result), ...bin }))),
    duplicates: results.flatMap((result) => (result.duplicates === undefined ? [] : [{ ...of(result), ...result.duplicates }])),
    recognition: results.flatMap((result) => (result.characterErrorRate === undefined ? [] : [{ ...of(result), characterErrorRate: round(result.characterErrorRate) }])),
    failures: results.flatMap((result) => result.failures.map((failure) => ({ ...of(result), ...failure }))),
    unscored: results.flatMap((result) => result.unscored.map((document) => ({ ...of(result), document }))),
  }
}

/** Both tables: scores and calibration. */
export function describeScores(scores: readonly Score[], calibration: readonly CalibrationBin[]): string[] {
  return [
    ...aligned([
      ['field', 'n', 'missing', 'strict F1', '95 %', 'normalised F1', '95 %'],
      ...scores.map((one) => [
        one.field, String(one.n), String(one.missing),
        fixed(one.strictF1), `${fixed(one.strictInterval.low)}–${fixed(one.strictInterval.high)}`,
        fixed(one.normalisedF1), `${fixed(one.normalisedInterval.low)}–${fixed(one.normalisedInterval.high)}`,
      ]),
    ]),
    'claimed confidence and share of right values:',
    ...aligned([
      ['claimed', 'n', 'mean', 'right'],
      ...calibration.map((bin) => [`${bin.from.toFixed(2)}–${bin.to.toFixed(2)}`, String(bin.n), fixed(bin.meanClaimed), fixed(bin.right)]),
    ]),
  ]
}

const fixed = (value: number): string => value.toFixed(3).replace(/^0/, '')

export function describe(result: SetResult): string {
  const { timings } = result
  const lines = [`${result.set}, profile ${result.profile}: ${timings.documents} documents, ${timings.pages} pages`, ...describeScores(result.scores, result.calibration)]
  if (result.characterErrorRate !== undefined) {
    lines.push(`character error rate of recognition ${fixed(result.characterErrorRate)}`)
  }
  if (result.duplicates !== undefined) {
    const { known, found, right, proposed } = result.duplicates
    lines.push(`duplicates: ${right} of ${known} known pairs found, ${found - right} false; ${proposed.length} more proposed by their texts`)
  }
  lines.push(
    timings.secondsPerPage === null
      ? 'all from the cache: no reading times'
      : `${timings.secondsPerPage.toFixed(3)} s a page (wall), CPU ${timings.cpuSecondsPerPage?.toFixed(3) ?? 'unknown'} s a page, ${timings.readPages} pages read`,
    `classification and extraction: CPU ${timings.extractCpuMillisecondsPerPage.toFixed(1)} ms a page`,
  )
  if (result.failures.length > 0) {
    lines.push(`not read or understood: ${listed(result.failures.map(({ document, code }) => `${document} (${code})`))}`)
  }
  if (result.unscored.length > 0) {
    lines.push(`without truth, not scored: ${listed(result.unscored)}`)
  }
  return lines.join('\n')
}

const maxListed = 10

function listed(names: readonly string[]): string {
  return names.length <= maxListed ? names.join(', ') : `${names.slice(0, maxListed).join(', ')} and ${names.length - maxListed} more`
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')}`)
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}

/** F1 with bootstrap intervals, calibration, character error rate. */

/** One field of one document: what is known, what was answered. */
export interface Outcome {
  readonly field: string
  readonly document: string
  /** Truths and answers: 1 each for a field, the number of values for line items. */
  readonly truths: number
  readonly answers: number
  readonly strict: number
  readonly normalised: number
  readonly confidence?: number
}

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface Score {
  readonly field: string
  /** Documents whose truth has the field. */
  readonly n: number
  /** Of these, without an answer. */
  readonly missing: number
  readonly strictF1: number
  readonly normalisedF1: number
  readonly strictInterval: Interval
  readonly normalisedInterval: Interval
}

const resamples = 1000

export function f1(right: number, answers: number, truths: number): number {
  return answers + truths === 0 ? 1 : (2 * right) / (answers + truths)
}

/** Micro F1 over the outcomes; 95 % percentile intervals by drawing documents with replacement (Efron 1979), always the same draws. */
export function score(field: string, outcomes: readonly Outcome[]): Score {
  const byDocument = [...Map.groupBy(outcomes, (one) => one.document).values()].map((group) => {
    const sum = (pick: (one: Outcome) => number): number => group.reduce((total, one) => total + pick(one), 0)
    return { truths: sum((one) => one.truths), answers: sum((one) => one.answers), strict: sum((one) => one.strict), normalised: sum((one) => one.normalised) }
  })
  const strict: number[] = []
  const normalised: number[] = []
  let state = 0x9e3779b9
  const draw = (): number => {
    // Mulberry32: the same draws on every machine.
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * byDocument.length)
  }
  for (let round = 0; round < resamples; round += 1) {
    const total = { truths: 0, answers: 0, strict: 0, normalised: 0 }
    for (let n = 0; n < byDocument.length; n += 1) {
      const one = byDocument[draw()]!
      total.truths += one.truths
      total.answers += one.answers
      total.strict += one.strict
      total.normalised += one.normalised
    }
    strict.push(f1(total.strict, total.answers, total.truths))
    normalised.push(f1(total.normalised, total.answers, total.truths))
  }
  const sum = (pick: (one: Outcome) => number): number => outcomes.reduce((total, one) => total + pick(one), 0)
  const answers = sum((one) => one.answers)
  const truths = sum((one) => one.truths)
  return {
    field,
    n: byDocument.filter((one) => one.truths > 0).length,
    missing: outcomes.filter((one) => one.truths > 0 && one.answers === 0).length,
    strictF1: f1(sum((one) => one.strict), answers, truths),
    normalisedF1: f1(sum((one) => one.normalised), answers, truths),
    strictInterval: interval(strict),
    normalisedInterval: interval(normalised),
  }
}

function interval(values: number[]): Interval {
  values.sort((a, b) => a - b)
  return { low: values[Math.floor(0.025 * values.length)] ?? 0, high: values[Math.ceil(0.975 * values.length) - 1] ?? 0 }
}

export interface CalibrationBin {
  /** Claimed confidence from (included) to (excluded; the last one includes 1). */
  readonly from: number
  readonly to: number
  readonly n: number
  readonly meanClaimed: number
  /** Share of answers whose normalised value is right. */
  readonly right: number
}

const edges = [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1] as const

/** Claimed confidence against rightness; bins without an answer are left out. */
export function calibrate(outcomes: readonly Outcome[]): CalibrationBin[] {
  const claimed = outcomes.filter((one) => one.confidence !== undefined && one.truths === 1 && one.answers === 1)
  return edges.slice(0, -1).flatMap((from, n) => {
    const to = edges[n + 1]!
    const inside = claimed.filter(({ confidence }) => confidence! >= from && (confidence! < to || to === 1))
    return inside.length === 0
      ? []
      : [{
          from,
          to,
          n: inside.length,
          meanClaimed: inside.reduce((sum, one) => sum + one.confidence!, 0) / inside.length,
          right: inside.filter((one) => one.normalised === 1).length / inside.length,
        }]
  })
}

/** Levenshtein distance of two texts, two rows of memory. */
export function distance(a: string, b: string): number {
  let previous = new Uint32Array(b.length + 1).map((_, n) => n)
  let current = new Uint32Array(b.length + 1)
  for (let i = 1; i <= a.length; i += 1) {
    current[0] = i
    const code = a.charCodeAt(i - 1)
    for (let j = 1; j <= b.length; j += 1) {
      const same = code === b.charCodeAt(j - 1) ? 0 : 1
      current[j] = Math.min(previous[j - 1]! + same, previous[j]! + 1, current[j - 1]! + 1)
    }
    ;[previous, current] = [current, previous]
  }
  return previous[b.length]!
}

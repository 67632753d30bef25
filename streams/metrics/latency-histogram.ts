/** Latencies in powers of two: a few nanoseconds to record, nothing allocated, the same buckets everywhere. */

/** Upper bounds of the buckets, ms: 1, 2, 4 … 65,536; what is above is in one more. */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from({ length: 17 }, (_, exponent) => 2 ** exponent)

const LONGEST_MS = 65_536
const ABOVE = LATENCY_BOUNDS_MS.length
const SUM = ABOVE + 1

export interface LatencySnapshot {
  readonly count: number
  readonly sumMs: number
  /** Per bound of `LATENCY_BOUNDS_MS`, and one for what is above; not cumulative. */
  readonly buckets: readonly number[]
}

export class LatencyHistogram {
  /** The buckets, and behind them the sum. */
  private readonly numbers = new Float64Array(LATENCY_BOUNDS_MS.length + 2)

  /** Below zero (a clock elsewhere is ahead) counts as zero. */
  record(ms: number): void {
    const numbers = this.numbers
    if (ms <= 1) {
      numbers[0]!++
      if (ms <= 0) {
        return
      }
    } else {
      // The number of bits of ⌈ms⌉ − 1 is the exponent of the next power of two.
      numbers[ms > LONGEST_MS ? ABOVE : 32 - Math.clz32(Math.ceil(ms) - 1)]!++
    }
    numbers[SUM]! += ms
  }

  snapshot(): LatencySnapshot {
    const buckets = [...this.numbers.subarray(0, SUM)]
    return { count: buckets.reduce((sum, count) => sum + count, 0), sumMs: this.numbers[SUM]!, buckets }
  }
}

/** All of them as one. */
export function sumLatencies(snapshots: Iterable<LatencySnapshot>): LatencySnapshot {
  let count = 0
  let sumMs = 0
  const buckets = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)
  for (const each of snapshots) {
    count += each.count
    sumMs += each.sumMs
    each.buckets.forEach((number, i) => {
      buckets[i]! += number
    })
  }
  return { count, sumMs, buckets }
}

import { Histogram, type Registry } from 'prom-client'
import { LATENCY_BOUNDS_MS, type LatencySnapshot } from './latency-histogram.ts'

type Collected = Awaited<ReturnType<Histogram['get']>>

export interface CollectedHistogramOptions {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly registers: Registry[]
  /** Called at each scrape, before the values are taken. */
  collect(): Promise<void>
}

/** A histogram of latencies that were counted elsewhere, in `LatencyHistogram`; shown in seconds. */
export class CollectedHistogram extends Histogram {
  readonly #name: string
  readonly #collect: () => Promise<void>
  #values: Collected['values'] = []

  constructor({ name, help, labelNames, registers, collect }: CollectedHistogramOptions) {
    super({ name, help, labelNames: [...labelNames], registers, buckets: LATENCY_BOUNDS_MS.map((ms) => ms / 1000) })
    this.#name = name
    this.#collect = collect
  }

  /** Forgets every combination of labels. */
  clear(): void {
    this.#values = []
  }

  /** Of one combination of labels. */
  set(labels: { readonly [label: string]: string }, { count, sumMs, buckets }: LatencySnapshot): void {
    const bucket = { metricName: `${this.#name}_bucket` }
    let below = 0
    LATENCY_BOUNDS_MS.forEach((bound, i) => {
      below += buckets[i]!
      this.#values.push({ ...bucket, labels: { le: bound / 1000, ...labels }, value: below })
    })
    this.#values.push(
      { ...bucket, labels: { le: '+Inf', ...labels }, value: count },
      { metricName: `${this.#name}_sum`, labels, value: sumMs / 1000 },
      { metricName: `${this.#name}_count`, labels, value: count },
    )
  }

  override async get(): Promise<Collected> {
    await this.#collect()
    // Its own fields, which prom-client's types leave out.
    const { name, help, type, aggregator, collect } = this as unknown as Collected
    return { name, help, type, aggregator, collect, values: this.#values }
  }

  /** What prom-client's text format asks for instead of `get`. */
  getForPromString(): Promise<Collected> {
    return this.get()
  }
}

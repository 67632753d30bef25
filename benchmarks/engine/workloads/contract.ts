import type { EngineName } from '../engines.ts'
import type { BenchmarkTopics } from '../topics.ts'

/** Takes the outputs of a run, partition by partition in offset order; says at the end whether they are right. */
export interface OutputCheck {
  add(key: string, value: string): void
  /** What is wrong, in words; empty if nothing is. */
  problems(): string[]
}

/** What a run starts from and must come to. */
export interface Expected {
  readonly input: string
  readonly table?: string
  /** Records the rate is stated in. */
  readonly records: number
  readonly outputs: number
  check(): OutputCheck
}

export interface WorkloadSize {
  readonly records: number
  readonly keys: number
}

/** Something to work off as fast as it goes. */
export interface ThroughputWorkload {
  /** Makes and loads topics whose names begin with the prefix; all runs of an engine read the same. */
  prepare(topics: BenchmarkTopics, prefix: string, size: WorkloadSize): Promise<(engine: EngineName) => Expected>
}

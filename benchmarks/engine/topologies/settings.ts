/** The topics an application of the benchmark is told. */
export interface TopologySettings {
  readonly input: string
  /** A second input, for the workload that joins. */
  readonly table?: string
  readonly output: string
}

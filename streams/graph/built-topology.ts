import { describe } from './describe.ts'
import { topologyToJSON, type TopologyJSON } from './json.ts'
import type { GlobalTable, Subtopology, Topology } from './topology.ts'

/** The one implementation of `Topology`: what `assemble` made, with its two ways to be looked at. */
export class BuiltTopology implements Topology {
  readonly applicationId: string
  readonly subtopologies: readonly Subtopology[]
  readonly globalTables: readonly GlobalTable[]

  constructor(applicationId: string, subtopologies: readonly Subtopology[], globalTables: readonly GlobalTable[]) {
    this.applicationId = applicationId
    this.subtopologies = subtopologies
    this.globalTables = globalTables
  }

  describe(): string {
    return describe(this)
  }

  toJSON(): TopologyJSON {
    return topologyToJSON(this)
  }
}

/**
 * Rule A5 for what no task opens: a deploy that removes or renames an asynchronous operator leaves its in-flight
 * changelog behind, with records that exist nowhere else. Whoever creates the internal topics looks for such topics and
 * reads them before the application starts.
 */
import { StreamsError } from '../errors.ts'
import { changelogTopicName, inFlightStoreName } from '../graph/internal-topics.ts'
import type { Topology } from '../graph/topology.ts'
import { PAYLOAD_ROW, parseRowKey } from './entry.ts'

/** Topics among `existing` that are in-flight changelogs of this application and belong to no operator of it. */
export function orphanedInFlightTopics(topology: Topology, existing: Iterable<string>): string[] {
  const suffix = changelogTopicName('', inFlightStoreName('')).slice(1)
  const owned = new Set<string>()
  for (const { nodes, stores } of topology.subtopologies) {
    for (const node of nodes.values()) {
      if (node.kind === 'async') {
        const changelog = stores.find((store) => store.name === node.inFlightStore)?.changelog
        owned.add(changelog ?? changelogTopicName(topology.applicationId, node.inFlightStore))
      }
    }
  }
  const prefix = `${topology.applicationId}-`
  return [...existing].filter((topic) => topic.startsWith(prefix) && topic.endsWith(suffix) && !owned.has(topic)).sort()
}

/** What is still pending in an in-flight changelog, given its records in order. */
export class PendingRows {
  readonly #live = new Map<string, string>()

  apply(key: Uint8Array, value: Uint8Array | null): void {
    const { kind, operator, admission } = parseRowKey(key)
    if (kind !== PAYLOAD_ROW) {
      return
    }
    const id = `${operator}\0${admission}`
    if (value === null) {
      this.#live.delete(id)
    } else {
      this.#live.set(id, operator)
    }
  }

  /** Pending records by operator. */
  get counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const operator of this.#live.values()) {
      counts.set(operator, (counts.get(operator) ?? 0) + 1)
    }
    return counts
  }
}

export function orphanedEntries(where: string, counts: ReadonlyMap<string, number>): StreamsError {
  const what = [...counts].map(([operator, count]) => `${operator} (${count})`).join(', ')
  return new StreamsError(
    'ORPHANED_ENTRIES',
    `${where} has pending records of operators which its topology no longer has: ${what}. ` +
      "Bring the operators back until they are done, or set orphans: 'dead-letter'.",
  )
}

/** What a deploy of another version of a topology would do to the state, the topics and the offsets of the one before. Pure. */
import type { SubtopologyJSON, TopologyJSON } from './json.ts'

/**
 * `break`: instances of the new version refuse to start, or cannot make sense of what is there. `orphan`: data stays behind that nobody reads any more. `rename`:
 * the same under another name, so that it begins empty. `begin`: something new. `change`: rolls out, and should be known.
 */
export type TopologyChangeKind = 'break' | 'orphan' | 'rename' | 'begin' | 'change'

export interface TopologyChange {
  readonly kind: TopologyChangeKind
  /** Topic, store or subtopology. */
  readonly subject: string
  readonly message: string
}

type StoreJSON = SubtopologyJSON['stores'][number]
type InternalTopicJSON = SubtopologyJSON['internalTopics'][number]

interface Placed<T> {
  readonly item: T
  readonly subtopology: SubtopologyJSON
}

const IN_FLIGHT = '-in-flight'
/** Settings of stores that decide what a row means. */
const DECISIVE = ['windowSizeMs', 'retainDuplicates']
/** By weight: what a deploy should stop for comes first. */
const ORDER: readonly TopologyChangeKind[] = ['break', 'orphan', 'rename', 'change', 'begin']

/** Changes of weight in the order of their weight; none if `after` reads, keeps and writes what `before` does. */
export function compareTopologies(before: TopologyJSON, after: TopologyJSON): readonly TopologyChange[] {
  if (before.applicationId !== after.applicationId) {
    const message = `the application id changes from '${before.applicationId}' to '${after.applicationId}': another group with other internal topics begins, nothing is carried over`
    return [{ kind: 'orphan', subject: before.applicationId, message }]
  }
  const changes = [...compareStores(before, after), ...compareRepartitions(before, after), ...compareSources(before, after), ...compareSubtopologies(before, after)]
  return changes.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
}

/** True for changes after which data is lost, left behind, or the new version does not start. */
export function isHarmful({ kind }: TopologyChange): boolean {
  return kind === 'break' || kind === 'orphan' || kind === 'rename'
}

function compareStores(before: TopologyJSON, after: TopologyJSON): TopologyChange[] {
  const old = byName(before, ({ stores }) => stores)
  const now = byName(after, ({ stores }) => stores)
  const added = [...now.values()].filter(({ item }) => !old.has(item.name))
  const changes: TopologyChange[] = []
  for (const { item: store, subtopology } of old.values()) {
    const successor = now.get(store.name)
    if (successor !== undefined) {
      changes.push(...compareStore(store, subtopology, successor))
    } else if (store.name.endsWith(IN_FLIGHT)) {
      changes.push(lostOperator(store))
    } else {
      changes.push(lostStore(store, subtopology, added))
    }
  }
  for (const { item } of added.filter(({ item: store }) => !store.name.endsWith(IN_FLIGHT))) {
    if (!changes.some((change) => change.kind === 'rename' && change.message.includes(`'${item.name}'`))) {
      changes.push({ kind: 'begin', subject: item.name, message: `store '${item.name}' is new and begins empty` })
    }
  }
  return changes
}

function lostOperator({ name, changelog }: StoreJSON): TopologyChange {
  const operator = name.slice(0, -IN_FLIGHT.length)
  const message =
    `the asynchronous operator '${operator}' is gone: while ${changelog ?? 'its table'} holds pending or parked records, ` +
    "the new version refuses to start (ORPHANED_ENTRIES). Let them drain before, or set orphans: 'dead-letter'"
  return { kind: 'break', subject: operator, message }
}

function lostStore(store: StoreJSON, subtopology: SubtopologyJSON, added: readonly Placed<StoreJSON>[]): TopologyChange {
  const sources = sourcesOf(subtopology)
  const candidates = added.filter(({ item, subtopology: other }) => item.kind === store.kind && !item.name.endsWith(IN_FLIGHT) && sourcesOf(other).some((topic) => sources.includes(topic)))
  const [candidate] = candidates
  const behind = store.changelog === undefined || store.sourceIsChangelog ? 'its rows' : `its rows, in ${store.changelog},`
  if (candidate !== undefined && candidates.length === 1) {
    return { kind: 'rename', subject: store.name, message: `store '${store.name}' is gone and '${candidate.item.name}' is new in its place: ${behind} stay behind and '${candidate.item.name}' begins empty. Keep the name to keep the state` }
  }
  return { kind: 'orphan', subject: store.name, message: `store '${store.name}' is gone: ${behind} stay behind` }
}

function compareStore(store: StoreJSON, from: SubtopologyJSON, { item, subtopology }: Placed<StoreJSON>): TopologyChange[] {
  const { name } = store
  if (store.kind !== item.kind) {
    return [{ kind: 'break', subject: name, message: `store '${name}' changes from ${store.kind} to ${item.kind}: its changelog holds rows of the other kind. Give the new store another name` }]
  }
  if (store.timestamped !== undefined && item.timestamped !== undefined && store.timestamped !== item.timestamped) {
    return [{ kind: 'break', subject: name, message: `store '${name}' ${item.timestamped ? 'begins' : 'ceases'} to keep timestamps with its values: the rows in its changelog have other bytes. Give the new store another name` }]
  }
  const mixed = DECISIVE.filter((setting) => store.settings?.[setting] !== item.settings?.[setting])
  if (store.settings !== undefined && item.settings !== undefined && mixed.length > 0) {
    return [{ kind: 'break', subject: name, message: `store '${name}' changes its ${mixed.join(', ')}: rows of before and after would be taken for each other. Give the new store another name` }]
  }
  const changes: TopologyChange[] = []
  if (store.changelog !== item.changelog) {
    const message = `store '${name}' is rebuilt from ${item.changelog ?? 'nothing (no longer logged)'} instead of ${store.changelog ?? 'nothing (it was not logged)'}: rows that are only in the former stay behind`
    changes.push({ kind: 'orphan', subject: name, message })
  }
  if (from.name !== subtopology.name) {
    changes.push({ kind: 'change', subject: name, message: `store '${name}' moves from subtopology '${from.name}' to '${subtopology.name}': its tasks restore it from the changelog, and their number must not change` })
  }
  return changes
}

function compareRepartitions(before: TopologyJSON, after: TopologyJSON): TopologyChange[] {
  const old = byName(before, ({ internalTopics }) => internalTopics)
  const now = byName(after, ({ internalTopics }) => internalTopics)
  const changes: TopologyChange[] = []
  for (const { item: topic } of old.values()) {
    const successor = now.get(topic.name)?.item
    if (successor === undefined && topic.kind === 'repartition') {
      changes.push({ kind: 'orphan', subject: topic.name, message: `the repartition topic ${topic.name} is no longer read: records in it that were not processed when the last old instance stopped are lost` })
    } else if (successor !== undefined) {
      changes.push(...compareInternalTopic(topic, successor))
    }
  }
  return changes
}

function compareInternalTopic(old: InternalTopicJSON, now: InternalTopicJSON): TopologyChange[] {
  if (old.partitions !== now.partitions) {
    const message = `${old.name} is to have ${now.partitions ?? "its sources'"} partitions instead of ${old.partitions ?? "its sources'"}: an existing topic with another count is refused (INTERNAL_TOPIC_MISMATCH)`
    return [{ kind: 'break', subject: old.name, message }]
  }
  const settings = new Set([...Object.keys(old.config), ...Object.keys(now.config)])
  const different = [...settings].filter((setting) => old.config[setting] !== now.config[setting]).sort()
  return different.length === 0
    ? []
    : [{ kind: 'change', subject: old.name, message: `${old.name} would be created with another ${different.join(', ')}; the existing topic keeps its settings: alter it yourself` }]
}

function compareSources(before: TopologyJSON, after: TopologyJSON): TopologyChange[] {
  const old = new Set([...before.subtopologies.flatMap(externalSourcesOf), ...before.globalTables.map(({ topic }) => topic)])
  const now = new Set([...after.subtopologies.flatMap(externalSourcesOf), ...after.globalTables.map(({ topic }) => topic)])
  return [
    ...[...old].filter((topic) => !now.has(topic)).map((topic): TopologyChange => ({ kind: 'orphan', subject: topic, message: `the topic ${topic} is no longer read: its committed offsets expire, and a version that reads it again later begins anew` })),
    ...[...now].filter((topic) => !old.has(topic)).map((topic): TopologyChange => ({ kind: 'begin', subject: topic, message: `the topic ${topic} is read for the first time, from its offsetReset on` })),
  ]
}

/** Changes that only decide how the new version rolls out. */
function compareSubtopologies(before: TopologyJSON, after: TopologyJSON): TopologyChange[] {
  const old = new Map(before.subtopologies.map((subtopology) => [subtopology.name, subtopology]))
  return after.subtopologies.flatMap((subtopology): TopologyChange[] => {
    const former = old.get(subtopology.name)
    if (former === undefined || former.fingerprint === subtopology.fingerprint) {
      return []
    }
    const message = `subtopology '${subtopology.name}' reads, keeps or writes something else: its tasks stay with the old version while an instance of it lives`
    return [{ kind: 'change', subject: subtopology.name, message }]
  })
}

function byName<T extends { readonly name: string }>(topology: TopologyJSON, of: (subtopology: SubtopologyJSON) => readonly T[]): ReadonlyMap<string, Placed<T>> {
  return new Map(topology.subtopologies.flatMap((subtopology) => of(subtopology).map((item) => [item.name, { item, subtopology }] as const)))
}

function sourcesOf({ nodes }: SubtopologyJSON): readonly string[] {
  return nodes.flatMap(({ topics = [], pattern }) => (pattern === undefined ? topics : [pattern]))
}

function externalSourcesOf(subtopology: SubtopologyJSON): readonly string[] {
  const internal = new Set(subtopology.internalTopics.map(({ name }) => name))
  return sourcesOf(subtopology).filter((topic) => !internal.has(topic))
}

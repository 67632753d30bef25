/** Input of the failure tests, and what an undisturbed run makes of it. */
import { openTaskState, plainValueOf, StateFolder, storageEngine } from 'millrace-state-stores'
import type { OutputRecord, TestCluster } from '../integration/streams-support.ts'
import { long } from '../integration/streams-support.ts'
import type { FailureSettings } from './topology.ts'

const WORDS = ['mill', 'race', 'wheel', 'water', 'stone', 'flour', 'grain', 'sluice', 'dam', 'bed', 'cog', 'axle']

export interface Line {
  readonly key: string
  readonly value: string
}

export function lines(from: number, count: number): Line[] {
  return Array.from({ length: count }, (_, at) => {
    const i = from + at
    return { key: `key-${(i * 7) % 97}`, value: `${WORDS[i % 12]} ${WORDS[(i * 5 + 1) % 12]}` }
  })
}

export async function topics(cluster: TestCluster, name: string, partitions = 4): Promise<FailureSettings> {
  const [source, perKey, perWord] = await Promise.all(['source', 'per-key', 'per-word'].map((what) => cluster.topic(`${name}-${what}`, partitions)))
  return { source: source!, perKey: perKey!, perWord: perWord! }
}

export function tally(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  return counts
}

/** Problems of a topic of running counts: each key must go 1, 2, 3 … to its total, nothing missing, nothing twice. */
export function countProblems(records: readonly OutputRecord[], expected: ReadonlyMap<string, number>): string[] {
  const problems: string[] = []
  const last = new Map<string, number>()
  for (const { key, value, partition, offset } of records) {
    const name = key!.toString()
    const count = long(value)!
    if (count !== (last.get(name) ?? 0) + 1) {
      problems.push(`${name}: ${last.get(name) ?? 0} is followed by ${count} (partition ${partition}, offset ${offset})`)
    }
    last.set(name, count)
  }
  for (const [name, count] of expected) {
    if (last.get(name) !== count) {
      problems.push(`${name}: ends at ${last.get(name)}, expected ${count}`)
    }
  }
  return problems
}

export async function outputProblems(cluster: TestCluster, settings: FailureSettings, input: readonly Line[]): Promise<string[]> {
  const [perKey, perWord] = await Promise.all([cluster.committed(settings.perKey), cluster.committed(settings.perWord)])
  return [...countProblems(perKey, tally(input.map((line) => line.key))), ...countProblems(perWord, tally(input.flatMap((line) => line.value.split(' '))))]
}

/** Rows of a store over all task folders of stopped processes; a task that moved has old rows elsewhere: `only` says which count. */
export async function storedCounts(stateDir: string, store: string, tasks: (id: string) => boolean): Promise<Map<string, number>> {
  const folder = new StateFolder(stateDir)
  const counts = new Map<string, number>()
  for (const id of await folder.tasks()) {
    if (!tasks(id)) {
      continue
    }
    const state = await openTaskState({ engine: storageEngine('rocksdb'), location: await folder.taskLocation(id), stores: [{ name: store, kind: 'key-value', logged: true }] })
    for (const [key, value] of state.store(store).range({})) {
      counts.set(Buffer.from(key).toString(), long(Buffer.from(plainValueOf(value)))!)
    }
    await state.close()
  }
  return counts
}

/** Opens the states of one thread's tasks: where they are, with what memory, and from a snapshot where there is nothing yet. */
import type { StateFolder, StorageEngine, TaskState } from 'millrace-state-stores'
import { storageEngine } from 'millrace-state-stores'
import type { Subtopology } from '../graph/topology.ts'
import type { RuntimeConfig } from './config.ts'
import type { StateMemory } from './state-memory.ts'
import type { StateSnapshots } from './state-snapshots.ts'
import { storeSpecs } from './stores.ts'
import type { TaskEntry } from './task-entry.ts'

export interface TaskStatesOptions {
  readonly config: Pick<RuntimeConfig, 'engine'>
  readonly folder: StateFolder
  readonly memory: StateMemory
  readonly snapshots: StateSnapshots<TaskEntry>
}

export class TaskStates {
  readonly #options: TaskStatesOptions

  constructor(options: TaskStatesOptions) {
    this.#options = options
  }

  /** `counts`: states the thread has still to open, this one included, and those it has. */
  async open(entry: TaskEntry, counts: { readonly opening: number; readonly open: number }): Promise<TaskState> {
    const { config, folder, memory, snapshots } = this.#options
    const engine = engineOf(entry.subtopology, config)
    const location = await folder.taskLocation(entry.id)
    return snapshots.open(entry, { engine, location, stores: storeSpecs(entry.subtopology), ...memory.share(engine.name, counts) })
  }
}

/** One database holds all stores of a task: the first store that names an engine decides. */
export function engineOf(subtopology: Subtopology, config: Pick<RuntimeConfig, 'engine'>): StorageEngine {
  const own = subtopology.stores.map((store) => store.engine).find((engine) => engine !== undefined)
  return storageEngine(own ?? config.engine)
}

/** What the state of a task or of the global tables may take of the process' memory (`storeMemoryMiB`). */
import type { EngineName, MemoryBudget, TaskStateOptions } from 'millrace-state-stores'
import type { RuntimeConfig } from './config.ts'

const MIB = 1024 * 1024

/** More brings a database nothing that its read cache and the file system's would not. */
const LARGEST_DATABASE = 80 * MIB

export class StateMemory {
  readonly #budget: MemoryBudget
  readonly #config: Pick<RuntimeConfig, 'readCacheBytes' | 'storeMemoryMiB'>
  readonly #warn: (message: string) => void
  #warned = false

  constructor(budget: MemoryBudget, config: Pick<RuntimeConfig, 'readCacheBytes' | 'storeMemoryMiB'>, warn: (message: string) => void) {
    this.#budget = budget
    this.#config = config
    this.#warn = warn
  }

  /** For one of the `opening` states that the thread opens about now, beside `open` others. The read cache is part of the share. */
  share(engine: EngineName, counts: { readonly opening: number; readonly open: number }): Pick<TaskStateOptions, 'memory' | 'readCacheBytes'> {
    const { readCacheBytes, storeMemoryMiB } = this.#config
    if (engine === 'memory') {
      // Its rows are in memory whatever is allowed.
      return { readCacheBytes }
    }
    const most = LARGEST_DATABASE + readCacheBytes
    const memory = this.#budget.share(counts, most)
    if (memory.overdrawn && !this.#warned) {
      this.#warned = true
      this.#warn(`The databases of this process need more than its storeMemoryMiB (${storeMemoryMiB}): each new one takes ${memory.bytes / MIB} MiB beyond it. Raise it, or run more instances.`)
    }
    return { memory, readCacheBytes: Math.floor((memory.bytes * readCacheBytes) / most) }
  }
}

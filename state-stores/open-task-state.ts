import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineOptions, TaskStateOptions } from './contract.ts'
import { engineCapabilities } from './engines/capabilities.ts'
import { createMemoryDatabase, memoryEngine } from './engines/memory.ts'
import { StateStoreError } from './errors.ts'
import { isThere } from './folder.ts'
import { readBook, recordStores } from './layout.ts'
import { DatabaseTaskState } from './task-state.ts'

/** In the folder of a database that began as a copy, until the rows that must not stay are on their way out. */
const COPIED = '.copied'

/**
 * Opens (creates) the state of one task. Errors: `ENGINE_UNAVAILABLE`, `STATE_OPEN_FAILED` (locked, no space, no
 * permission), `STATE_CORRUPTED`, `OPTIONS_INVALID` (a store named twice).
 */
export async function openTaskState(options: TaskStateOptions): Promise<DatabaseTaskState> {
  try {
    checkNames(options)
    return await openDatabase(options)
  } catch (error) {
    options.memory?.release()
    throw error
  }
}

async function openDatabase(options: TaskStateOptions): Promise<DatabaseTaskState> {
  const { engine, location, stores, checkpoint } = options
  const { persistent } = engineCapabilities[engine.name]
  if (checkpoint !== undefined && persistent) {
    // It moves with the copy: a process that dies now has not forgotten it.
    await writeFile(join(checkpoint, COPIED), '')
  }
  const database = await engine.open(location, engineOptions(options))
  try {
    const book = readBook(database, location)
    const mark = join(location, COPIED)
    const copied = persistent ? await isThere(mark) : checkpoint !== undefined
    await recordStores(database, book, stores, copied)
    if (copied && persistent) {
      await rm(mark)
    }
    return new DatabaseTaskState(database, book, options)
  } catch (error) {
    await database.close()
    throw error
  }
}

function checkNames({ stores, location }: TaskStateOptions): void {
  const names = new Set<string>()
  for (const { name } of stores) {
    if (name === '' || names.has(name)) {
      throw new StateStoreError('OPTIONS_INVALID', `the stores of ${location} need a name each, all different: '${name}'`)
    }
    names.add(name)
  }
}

function engineOptions({ memory, readCacheBytes, checkpoint }: TaskStateOptions): EngineOptions {
  return {
    ...(memory === undefined ? {} : { memoryBytes: Math.max(1, memory.bytes - (readCacheBytes ?? 0)) }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  }
}

/** As `openTaskState` over the memory engine, without a promise: for a test driver, which is synchronous. */
export function openMemoryTaskState(stores: TaskStateOptions['stores']): DatabaseTaskState {
  const database = createMemoryDatabase('')
  const book = readBook(database, '(memory)')
  void recordStores(database, book, stores)
  return new DatabaseTaskState(database, book, { engine: memoryEngine, location: '(memory)', stores })
}

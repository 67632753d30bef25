import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StateFolder } from 'millrace-state-stores'
import t from 'tap'
import { KafkaStreams } from '../../index.ts'
import { StateCleaner } from '../../runtime/state-cleaner.ts'

const NOW = 1_700_000_000_000
const DAY_MS = 86_400_000

/** Folders of tasks by the days since something was written in them: in the folder, in a file. */
function folderOf(path: string, tasks: { readonly [id: string]: readonly [folder: number, file: number] }): StateFolder {
  for (const [id, [folder, file]] of Object.entries(tasks)) {
    mkdirSync(join(path, id))
    writeFileSync(join(path, id, 'data'), '')
    utimesSync(join(path, id, 'data'), new Date(NOW - file * DAY_MS), new Date(NOW - file * DAY_MS))
    utimesSync(join(path, id), new Date(NOW - folder * DAY_MS), new Date(NOW - folder * DAY_MS))
  }
  return new StateFolder(path)
}

const cleaner = (folder: StateFolder, inUse: () => Promise<ReadonlySet<string> | undefined>) => new StateCleaner({ folder, delayMs: 7 * DAY_MS, inUse, onWarning: () => undefined })

t.test('state is deleted that nobody has and nobody has written for long; a folder of global tables stays', async (t) => {
  const path = t.testdir()
  const folder = folderOf(path, { orders_0: [8, 8], orders_1: [8, 6], orders_2: [6, 8], orders_3: [9, 9], 'global-0': [9, 9] })
  t.same(await cleaner(folder, async () => new Set(['orders_3'])).clean(NOW), ['orders_0'])
  t.same(readdirSync(path).sort(), ['global-0', 'orders_1', 'orders_2', 'orders_3'])
})

t.test('a thread that does not say what it has may have anything; what is opened meanwhile is not deleted', async (t) => {
  const path = t.testdir()
  const folder = folderOf(path, { orders_0: [8, 8] })
  t.same(await cleaner(folder, async () => undefined).clean(NOW), [])
  const opened = async () => {
    utimesSync(join(path, 'orders_0', 'data'), new Date(NOW), new Date(NOW))
    return new Set<string>()
  }
  t.same(await cleaner(folder, opened).clean(NOW), [])
  t.same(readdirSync(path), ['orders_0'])
  t.equal(await folder.lastUsed('orders_9'), 0)
})

t.test('cleanUp deletes the local state of an application that does not run', async (t) => {
  const path = t.testdir()
  folderOf(path, { orders_0: [0, 0], 'global-0': [0, 0] })
  const app = new KafkaStreams({ topology: (b) => void b, applicationId: 'app', bootstrapServers: 'localhost:9', stateDir: path, threads: 'in-process' })
  await app.cleanUp()
  t.same(readdirSync(path).filter((name) => !name.startsWith('.')), [])
})

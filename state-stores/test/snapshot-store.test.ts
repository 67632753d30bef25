import { mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FolderSnapshotStore } from '../index.ts'
import { snapshotStoreConformance } from '../testing/index.ts'

await snapshotStoreConformance(t, 'folder', (folder) => new FolderSnapshotStore(join(folder, 'kept')))

t.test('what a dead process left on its way in or out is removed later, not at once', async (t) => {
  const folder = t.testdir()
  const own = join(folder, 'app', 'task')
  const store = new FolderSnapshotStore(folder)
  const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000)
  for (const [name, ago] of [['.draft-old', 2], ['.removed-old', 2], ['.draft-young', 0.5]] as const) {
    mkdirSync(join(own, name), { recursive: true })
    utimesSync(join(own, name), hours(ago), hours(ago))
  }
  await store.publish({ application: 'app', task: 'task' }, '1-a', Buffer.from('{}'), [], folder)
  t.same(readdirSync(own).sort(), ['.draft-young', '1-a'])
})

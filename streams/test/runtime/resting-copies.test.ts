import t from 'tap'
import { decodeSubscription, encodeSubscription } from '../../membership/protocol.ts'
import type { SubtopologyDescription } from '../../membership/types.ts'
import { describeCopies, MAX_RESTING, RestingCopies } from '../../runtime/resting-copies.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'

const described = (name: string, tasks: number, changelogs: readonly string[]): SubtopologyDescription => ({ name, fingerprint: 'f', inputs: [], changelogs, tasks, weight: 1 })
const having = (...ids: string[]) => ({ all: ids.map((id) => ({ id }) as TaskEntry).values() })

t.test('databases on the disk that belong to tasks of the topology and are not open here', async (t) => {
  const resting = new RestingCopies({ tasks: async () => ['orders_0', 'orders_2', 'orders_9', 'gone_1', 'global-0', 'plain_0'] })
  t.same(resting.describe([described('orders', 4, ['log'])], having()), [], 'before it has looked')
  await resting.load()
  const found = resting.describe([described('orders', 4, ['log']), described('plain', 4, [])], having('orders_2'))
  t.match(found, [{ subtopology: 'orders', partition: 0, open: false }])
  t.equal(found.length, 1)
})

t.test('what the group was told of a lag is remembered as the others read it', async (t) => {
  for (const changelogLag of [0, 1, 150, 8_193, Number.MAX_SAFE_INTEGER]) {
    const entry = { version: { subtopology: 'orders', fingerprint: 'f', partition: 0 }, changelogLag, changelogSize: 10, reportedLag: -1 }
    const subscription = { processId: 'p', thread: 0, subtopologies: [], owned: [], released: [], copies: describeCopies([entry as unknown as TaskEntry]) }
    const [read] = decodeSubscription(encodeSubscription(subscription, [])).copies
    t.equal(entry.reportedLag, read!.lag, 'or one between two powers counts as ready here and not there, and nobody says anything any more')
  }
})

t.test('never so many that the group’s record grows too large', async (t) => {
  const resting = new RestingCopies({ tasks: async () => Array.from({ length: 500 }, (_, i) => `orders_${i}`) })
  await resting.load()
  t.equal(resting.describe([described('orders', 500, ['log'])], having()).length, MAX_RESTING)
})

/** What a reset would do, and what a replay has done: decided without a broker. */
import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { clampOffset, planReset, type ResetFacts } from '../../cli/reset-plan.ts'
import { ReplayProgress } from '../../cli/replay-progress.ts'

const committed = (topic: string, partition: number, offset: number) => ({ topic, partition, offset, metadata: 'm', leaderEpoch: -1 })

const facts: ResetFacts = {
  applicationId: 'shop',
  topics: new Map([
    ['orders', 2], ['returns', 1], ['shop-n-changelog', 2], ['shop-n-repartition', 2], ['shop-orders-retry', 2],
    ['shop-eu-n-changelog', 2], ['shop-news', 1], ['shop-fk-subscription-response-topic', 1], ['workshop-n-changelog', 1],
  ]),
  groups: ['shop', 'shop-eu', 'workshop'],
  committed: [committed('orders', 0, 5), committed('orders', 1, 7), committed('returns', 0, 1), committed('shop-n-repartition', 0, 9), committed('shop-orders-retry', 0, 1), committed('gone', 0, 3)],
  inputs: undefined,
  internal: undefined,
}

t.test('inputs are what was committed, internal topics go by their names, those of longer ids belong to others', async (t) => {
  const plan = planReset(facts)
  t.same(plan.inputs.map(({ topic, partition }) => `${topic}-${partition}`), ['orders-0', 'orders-1', 'returns-0'])
  t.same(plan.retries.map(({ topic, partition }) => `${topic}-${partition}`), ['shop-orders-retry-0', 'shop-orders-retry-1'])
  t.same(plan.deleted, ['shop-fk-subscription-response-topic', 'shop-n-changelog', 'shop-n-repartition'])
  t.same(plan.foreign, ['shop-eu-n-changelog'])
  t.same(plan.kept, [])
  t.same(plan.missing, [])
})

t.test('a topic that looks internal and is not ours stays, also without a group that tells', async (t) => {
  t.notOk(planReset({ ...facts, groups: [] }).deleted.includes('shop-news'))
  t.ok(planReset({ ...facts, groups: [] }).deleted.includes('shop-eu-n-changelog'), 'nobody else claims it: name the internal topics, or give the topology')
  t.same(planReset({ ...facts, groups: [], internal: ['shop-n-changelog'] }).deleted, ['shop-n-changelog'])
})

t.test('named inputs only: the offsets of the others are kept', async (t) => {
  const plan = planReset({ ...facts, inputs: ['returns', 'nowhere'] })
  t.same(plan.inputs, [{ topic: 'returns', partition: 0 }])
  t.same(plan.kept.map(({ topic, offset }) => [topic, offset]), [['orders', 5], ['orders', 7]])
  t.same(plan.missing, ['nowhere'])
})

t.test('an offset stays within the log', async (t) => {
  t.equal(clampOffset(3, 5, 9), 5)
  t.equal(clampOffset(30, 5, 9), 9)
  t.equal(clampOffset(7, 5, 9), 7)
})

t.test('a replay knows each letter it has replayed, through its committed metadata', async (t) => {
  const property = () => fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 100 }), (start, chosen) => {
      let progress = new ReplayProgress(start)
      const done = new Set<number>()
      for (const [i, offset] of chosen.entries()) {
        progress.add(start + offset)
        done.add(offset)
        if (i % 7 === 0) {
          progress = new ReplayProgress(progress.position, progress.encode())
        }
      }
      for (let offset = 0; offset <= 201; offset++) {
        if (progress.has(start + offset) !== done.has(offset)) {
          return false
        }
      }
      return progress.position >= start && !progress.has(progress.position)
    }),
  )
  t.doesNotThrow(property)
})

t.test('what was replayed in order needs no metadata; too many gaps are refused', async (t) => {
  const progress = new ReplayProgress(10)
  progress.cover(0, 500)
  t.equal(progress.position, 500)
  t.equal(progress.encode(), '')
  let seed = 1
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  for (let offset = 501; offset < 40_000; offset += 2 + Math.floor(random() * 9)) {
    progress.add(offset)
  }
  t.throws(() => progress.encode(), { code: 'REPLAY_REFUSED' })
  t.throws(() => new ReplayProgress(0, 'replayed1:nonsense'), { code: 'REPLAY_REFUSED' })
})

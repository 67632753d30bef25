import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { type LifecycleEvent, Registry } from '../../avro/index.ts'
import { DocumentCounter } from '../../ops/index.ts'
import { topics } from '../../topology/topics.ts'

const event = (tenant_id: string, document_id: string, from_state: string | null, to_state: string): LifecycleEvent => ({
  tenant_id, document_id, revision: 1, from_state, to_state, at: 5, step: 'step', reason_code: to_state === 'REJECTED' ? 'CORRUPT' : null, reason: 'free text',
})

/** Nothing is connected before start(). */
const counter = (): DocumentCounter =>
  new DocumentCounter({
    cluster: createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'test' }),
    registry: new Registry({ url: 'http://127.0.0.1:1' }),
    topics: topics(),
    tenants: { label: (id) => (id === 'acme' ? id : 'unknown') },
    onWarning: () => undefined,
  })

t.test('documents move from state to state; tenants that do not exist share a label', async (t) => {
  const counts = counter()
  counts.count(event('acme', '1', null, 'RECEIVED'))
  counts.count(event('acme', '2', null, 'RECEIVED'))
  counts.count(event('acme', '1', 'RECEIVED', 'DEDUPLICATED'))
  counts.count(event('made-up-1', '3', null, 'RECEIVED'))
  counts.count(event('made-up-2', '4', null, 'RECEIVED'))
  counts.count(event('acme', '2', 'RECEIVED', 'REJECTED'))
  t.same(counts.counts().states, { acme: { DEDUPLICATED: 1, REJECTED: 1 }, unknown: { RECEIVED: 2 } })
  t.same(counts.counts().ends, [{ sequence: 6, tenant: 'acme', documentId: '2', from: 'RECEIVED', to: 'REJECTED', step: 'step', reasonCode: 'CORRUPT', at: 5 }])
  t.notMatch(JSON.stringify(counts.counts()), /free text/)
  t.same(counts.changesAfter(4).map(({ sequence }) => sequence), [5, 6])
})

t.test('a change whose beginning was not read never shows as a negative count', async (t) => {
  const counts = counter()
  counts.count(event('acme', '1', 'ENRICHED', 'ARCHIVED'))
  t.same(counts.counts().states, { acme: { ARCHIVED: 1 } })
})

t.test('what is remembered is bounded', async (t) => {
  const counts = counter()
  for (let index = 0; index < 1_000; index++) {
    counts.count(event('acme', String(index), null, 'REJECTED'))
  }
  t.equal(counts.counts().ends.length, 200)
  t.equal(counts.changesAfter(0).length, 200)
  t.equal(counts.counts().states['acme']!['REJECTED'], 1_000)
})

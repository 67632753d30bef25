import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { StreamsError } from '../../errors.ts'
import { Brokers } from '../../kafka/brokers.ts'
import { createCluster } from '../../kafka/cluster.ts'
import type { ProducerEvent, ProducerState } from '../../kafka/producer-state.ts'
import { transition } from '../../kafka/producer-state.ts'

const EVENTS: readonly ProducerEvent[] = [
  'init', 'initialized', 'init-failed', 'send', 'commit', 'committed', 'outcome-unknown', 'fail', 'abort', 'aborted', 'abort-failed', 'fence', 'close'
]

function run(...events: ProducerEvent[]): ProducerState {
  return events.reduce<ProducerState>(transition, 'new')
}

t.test('the ways through a transaction', async (t) => {
  t.equal(run('init', 'initialized', 'send', 'send', 'commit', 'committed'), 'ready')
  t.equal(run('init', 'initialized', 'send', 'abort', 'aborted'), 'ready')
  t.equal(run('init', 'initialized', 'send', 'fail', 'fail', 'abort', 'abort-failed', 'abort', 'aborted'), 'ready')
  t.equal(run('init', 'initialized', 'send', 'commit', 'outcome-unknown', 'commit', 'committed'), 'ready')
  t.equal(run('init', 'initialized', 'send', 'abort', 'fail', 'aborted'), 'ready', 'a late failure of an aborted request')
  t.equal(run('init', 'init-failed', 'init', 'initialized'), 'ready')
})

t.test('calls out of turn', async (t) => {
  const refused: [ProducerState, ProducerEvent][] = [
    ['new', 'send'],
    ['ready', 'commit'],
    ['failed', 'send'],
    ['failed', 'commit'],
    ['undecided', 'send'],
    ['undecided', 'abort'],
    ['committing', 'send'],
    ['committing', 'abort'],
    ['aborting', 'send'],
    ['closed', 'init']
  ]
  for (const [state, event] of refused) {
    t.throws(() => transition(state, event), { code: 'PRODUCER_STATE_INVALID', message: new RegExp(state) }, `${event} when ${state}`)
  }
  for (const event of ['send', 'commit', 'abort', 'init'] as const) {
    t.throws(() => transition('fenced', event), { code: 'PRODUCER_FENCED' })
  }
})

t.test('no sequence of events leaves fenced or closed, or throws anything unexpected', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }), (events) => {
      let state: ProducerState = 'new'
      for (const event of events) {
        const before: ProducerState = state
        try {
          state = transition(state, event)
        } catch (error) {
          if (!(error instanceof StreamsError)) {
            throw error
          }
        }
        const ended: ProducerState[] | undefined = before === 'closed' ? ['closed'] : before === 'fenced' ? ['fenced', 'closed'] : undefined
        if (ended !== undefined && !ended.includes(state)) {
          return false
        }
      }
      return true
    })
  )
})

t.test('a producer that was not initialised, and calls that make no sense, reject instead of throwing', async (t) => {
  const kafka = createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'test' })
  t.teardown(() => kafka.close())
  const writer = kafka.writer({ topic: 'a', partition: 0 })
  writer.append(1, null, null, [])
  const producer = kafka.producer({ transactionalId: 'x' })
  await t.rejects(producer.produce([writer]), { code: 'PRODUCER_STATE_INVALID', message: /init/ })
  t.same(await producer.produce([]), [], 'nothing to send')
  await t.rejects(producer.produce([writer, writer]), { code: 'PRODUCER_STATE_INVALID', message: /one partition/ })
  const offsets = [{ topic: 'a', partition: 0, offset: 1, metadata: '' }]
  await t.rejects(producer.sendOffsets(offsets, { groupId: 'g', memberId: '', generationId: 1 }), { code: 'MEMBERSHIP_LOST' })
  await t.rejects(producer.sendOffsets(offsets, { groupId: 'g', memberId: 'm', generationId: 1 }), { code: 'PRODUCER_STATE_INVALID' })
  await t.rejects(producer.commit(), { code: 'PRODUCER_STATE_INVALID' })
  await t.rejects(producer.abort(), { code: 'PRODUCER_STATE_INVALID' })
  await producer.close()
  await t.rejects(producer.init(), { code: 'PRODUCER_STATE_INVALID' })
  const idempotent = kafka.producer({})
  const fetcher = kafka.fetcher({ isolation: 'read_committed', onRecords: () => {}, onError: () => {} })
  for (const offset of [-1, 1.5, Number.NaN]) {
    t.throws(() => fetcher.seek({ topic: 'a', partition: 0 }, offset), RangeError)
  }
  await t.rejects(idempotent.commit(), { code: 'PRODUCER_STATE_INVALID' })
  await t.rejects(idempotent.sendOffsets(offsets, { groupId: 'g', memberId: 'm', generationId: 1 }), { code: 'PRODUCER_STATE_INVALID' })
})

t.test('bootstrap servers', async (t) => {
  const brokers = new Brokers({ bootstrapServers: ['a:1', '[::1]:9092'], clientId: 'test' })
  t.same(brokers.address(-1), { nodeId: -1, host: 'a', port: 1 })
  t.same(brokers.address(-2), { nodeId: -2, host: '::1', port: 9092 })
  brokers.replace([{ nodeId: 5, host: 'b', port: 2 }])
  t.same(brokers.candidates(), [5, -1, -2])
  brokers.replace([{ nodeId: 6, host: 'c', port: 3 }])
  t.throws(() => brokers.address(5), { code: 'CONNECTION_FAILED' })
  for (const server of ['a', 'a:0', ':1', 'a:70000', 'a:x']) {
    t.throws(() => new Brokers({ bootstrapServers: [server], clientId: 'test' }), { code: 'CONFIG_INVALID' }, server)
  }
})

import t from 'tap'
import fc from '../../../state-stores/test/seeded.ts'
import { StreamsError } from '../../errors.ts'
import type { BatchWriter, GroupIdentity, OffsetToCommit, ProduceAck, TransactionalProducer } from '../../kafka/contract.ts'
import { KafkaError } from '../../kafka/kafka-error.ts'
import type { ClosedOutputs } from '../../runtime/collector.ts'
import type { CommitEvent, CommitMembership, CommitState } from '../../runtime/commit.ts'
import { CommitPipeline, commitTransition } from '../../runtime/commit.ts'
import { CommitPace } from '../../runtime/commit-pace.ts'
import type { Failpoint } from '../../runtime/failpoints.ts'
import { FAILPOINTS, failpointsFrom } from '../../runtime/failpoints.ts'

const OFFSETS: OffsetToCommit[] = [{ topic: 'in', partition: 0, offset: 5, metadata: '' }]
const IDENTITY: GroupIdentity = { groupId: 'g', memberId: 'm', generationId: 1 }
const ACKS: ProduceAck[] = [{ topic: 'out', partition: 0, baseOffset: 10, count: 2 }]
const WRITER = { topic: 'out', partition: 0, count: 2, bytes: 20 } as unknown as BatchWriter

/** A producer whose answers a test writes down; records what was asked. */
class ScriptedProducer implements TransactionalProducer {
  readonly transactionalId = 'tid'
  readonly calls: string[] = []
  produceAnswer: () => Promise<readonly ProduceAck[]> = async () => ACKS
  offsetAnswers: (() => Promise<void>)[] = []
  commitAnswer: () => Promise<void> = async () => undefined
  abortAnswer: () => Promise<void> = async () => undefined

  async init(): Promise<void> {}

  produce(): Promise<readonly ProduceAck[]> {
    this.calls.push('produce')
    return this.produceAnswer()
  }

  sendOffsets(_offsets: readonly OffsetToCommit[], group: GroupIdentity): Promise<void> {
    this.calls.push(`offsets ${group.generationId}`)
    return this.offsetAnswers.shift()?.() ?? Promise.resolve()
  }

  commit(): Promise<void> {
    this.calls.push('commit')
    return this.commitAnswer()
  }

  abort(): Promise<void> {
    this.calls.push('abort')
    return this.abortAnswer()
  }

  async close(): Promise<void> {}
}

function outputs(writers: readonly BatchWriter[] = [WRITER], resolve = async () => undefined as void): ClosedOutputs {
  return { writers: () => writers, resolve, recycle: () => undefined }
}

function pipeline(producer: ScriptedProducer, options: { membership?: Partial<CommitMembership>; guarantee?: 'exactly_once_v2' | 'at_least_once'; hits?: Failpoint[]; group?: string[]; refused?: StreamsError } = {}) {
  return new CommitPipeline({
    producer,
    group: {
      commitOffsets: async () => {
        options.group?.push(`commitOffsets after ${producer.calls.join(' ')}`)
      },
    },
    membership: { identity: IDENTITY, identityAfterRefusal: async () => undefined, ...options.membership },
    guarantee: options.guarantee ?? 'exactly_once_v2',
    failpoint: (name) => options.hits?.push(name),
    acknowledged: async () => {
      if (options.refused !== undefined) {
        throw options.refused
      }
    },
  })
}

const signal = new AbortController().signal
const refuse = (code: number) => () => Promise.reject(new KafkaError(code, 'TxnOffsetCommit'))

t.test('three requests: records and offsets leave together, then the end', async (t) => {
  const producer = new ScriptedProducer()
  const hits: Failpoint[] = []
  const commit = pipeline(producer, { hits })
  t.match(await commit.run(outputs(), OFFSETS, signal), { kind: 'committed', acks: ACKS })
  t.same(producer.calls, ['produce', 'offsets 1', 'commit'])
  t.same(hits.toSorted(), ['endTxn.answered', 'endTxn.sent', 'offsets.sent', 'produce.sent'])
  t.equal(commit.state, 'idle')
})

t.test('offsets alone are a transaction: they are the fence (A2)', async (t) => {
  const producer = new ScriptedProducer()
  t.match(await pipeline(producer).run(outputs([]), OFFSETS, signal), { kind: 'committed', acks: [] })
  t.same(producer.calls, ['offsets 1', 'commit'])
})

t.test('without offsets nothing is ever committed (A2)', async (t) => {
  const producer = new ScriptedProducer()
  t.match(await pipeline(producer).run(outputs(), [], signal), { kind: 'dropped', membershipLost: false })
  t.notOk(producer.calls.includes('commit'))
})

t.test('what was written elsewhere than it should be is not committed (A3)', async (t) => {
  const producer = new ScriptedProducer()
  const refused = new StreamsError('CHANGELOG_MISMATCH', 'made anew')
  t.match(await pipeline(producer, { refused }).run(outputs(), OFFSETS, signal), { kind: 'dropped', error: refused, producerUsable: true })
  t.same(producer.calls, ['produce', 'offsets 1', 'abort'])
})

t.test('22 during our own rejoin: the offsets go again under the new generation, in the same transaction (C1)', async (t) => {
  const producer = new ScriptedProducer()
  producer.offsetAnswers = [refuse(22), refuse(22)]
  let generation = 1
  const membership = { identityAfterRefusal: async () => ({ ...IDENTITY, generationId: ++generation }) }
  t.match(await pipeline(producer, { membership }).run(outputs(), OFFSETS, signal), { kind: 'committed' })
  t.same(producer.calls, ['produce', 'offsets 1', 'offsets 2', 'offsets 3', 'commit'])
})

t.test('22 otherwise, 25, 82: the membership is lost, the transaction aborted, the producer kept', async (t) => {
  for (const code of [22, 25, 82]) {
    const producer = new ScriptedProducer()
    producer.offsetAnswers = [refuse(code)]
    t.match(await pipeline(producer).run(outputs(), OFFSETS, signal), { kind: 'dropped', membershipLost: true, producerUsable: true, error: { code: 'MEMBERSHIP_LOST' } })
    t.equal(producer.calls.at(-1), 'abort')
    t.notOk(producer.calls.includes('commit'))
  }
})

t.test('no member: nothing is committed', async (t) => {
  const producer = new ScriptedProducer()
  t.match(await pipeline(producer, { membership: { identity: undefined } }).run(outputs(), OFFSETS, signal), { kind: 'dropped', membershipLost: true })
  t.notOk(producer.calls.includes('commit'))
})

t.test('the abort waits until everything that was sent is answered', async (t) => {
  const producer = new ScriptedProducer()
  const produced = Promise.withResolvers<readonly ProduceAck[]>()
  producer.produceAnswer = () => produced.promise
  producer.offsetAnswers = [refuse(25)]
  const running = pipeline(producer).run(outputs(), OFFSETS, signal)
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(producer.calls.includes('abort'))
  produced.resolve(ACKS)
  await running
  t.ok(producer.calls.includes('abort'))
})

t.test('a fenced producer is not used again, not even to abort', async (t) => {
  const producer = new ScriptedProducer()
  producer.produceAnswer = async () => {
    throw new KafkaError(90, 'Produce')
  }
  t.match(await pipeline(producer).run(outputs(), OFFSETS, signal), { kind: 'dropped', producerUsable: false, membershipLost: false })
  t.notOk(producer.calls.includes('abort'))
})

t.test('an unknown end is never guessed: dropped, the producer replaced (C4)', async (t) => {
  const producer = new ScriptedProducer()
  producer.commitAnswer = async () => {
    throw new StreamsError('TIMEOUT', 'no answer')
  }
  const commit = pipeline(producer)
  t.match(await commit.run(outputs(), OFFSETS, signal), { kind: 'dropped', producerUsable: false })
  t.notOk(producer.calls.includes('abort'), 'an abort could contradict a commit that happened')
  t.equal(commit.state, 'undecided')
  t.throws(() => commitTransition(commit.state, 'send'), 'nothing more goes through this pipeline')
})

t.test('an output topic that does not exist aborts before anything is sent', async (t) => {
  const producer = new ScriptedProducer()
  const missing = async () => {
    throw new StreamsError('SOURCE_TOPIC_MISSING', 'no such topic')
  }
  t.match(await pipeline(producer).run(outputs([WRITER], missing), OFFSETS, signal), { kind: 'dropped', error: { code: 'SOURCE_TOPIC_MISSING' } })
  t.notOk(producer.calls.includes('produce'))
})

t.test('at least once: offsets only after the records they stand for', async (t) => {
  const producer = new ScriptedProducer()
  const group: string[] = []
  t.match(await pipeline(producer, { guarantee: 'at_least_once', group }).run(outputs(), OFFSETS, signal), { kind: 'committed' })
  t.same(group, ['commitOffsets after produce'])
  t.same(producer.calls, ['produce'])
})

t.test('property: every order of events either follows the diagram or throws', async () => {
  const events: CommitEvent[] = ['send', 'sent', 'send-failed', 'ended', 'end-failed', 'aborted']
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events)), (sequence) => {
      let state: CommitState = 'idle'
      let sent = false
      for (const event of sequence) {
        try {
          state = commitTransition(state, event)
        } catch {
          continue
        }
        if (event === 'send' || event === 'sent') {
          sent = event === 'sent'
        }
        if (event === 'ended' && !sent) {
          throw new Error('ended without having been sent')
        }
      }
    }),
  )
})

t.test('the gap between commits: commits take at most a third of the time, markers cost, five ms at least (C16)', async (t) => {
  const pace = new CommitPace(0)
  t.equal(pace.waitMs(0), 0, 'the first may begin at once')
  pace.ended(0, 1, 1)
  t.equal(pace.waitMs(1), 5)
  const slow = new CommitPace(0)
  slow.ended(0, 60, 1)
  t.equal(slow.waitMs(60), 120)
  const wide = new CommitPace(0)
  wide.ended(0, 1, 100)
  t.equal(wide.waitMs(1), 20)
  const set = new CommitPace(100)
  set.ended(0, 1, 1)
  t.equal(set.waitMs(1), 100)
})

t.test('failpoints kill at the n-th hit, and exist in tests only', async (t) => {
  t.throws(() => failpointsFrom({ MILLRACE_FAILPOINT: 'produce.sent' }), { code: 'CONFIG_INVALID' })
  t.throws(() => failpointsFrom({ MILLRACE_FAILPOINT: 'nowhere', MILLRACE_TEST: '1' }), { code: 'CONFIG_INVALID' })
  t.throws(() => failpointsFrom({ MILLRACE_FAILPOINT: 'produce.sent:0', MILLRACE_TEST: '1' }), { code: 'CONFIG_INVALID' })
  t.throws(() => failpointsFrom({ MILLRACE_FAILPOINT: 'produce.sent:1:thaw', MILLRACE_TEST: '1' }), { code: 'CONFIG_INVALID' })
  let kills = 0
  let freezes = 0
  const actions = { kill: () => kills++, freeze: () => freezes++ }
  const hit = failpointsFrom({ MILLRACE_FAILPOINT: 'produce.sent:2', MILLRACE_TEST: '1' }, actions)
  for (const name of FAILPOINTS) {
    hit(name)
  }
  t.equal(kills, 0)
  hit('produce.sent')
  t.equal(kills, 1)
  failpointsFrom({ MILLRACE_FAILPOINT: 'produce.sent:1:freeze', MILLRACE_TEST: '1' }, actions)('produce.sent')
  t.same([kills, freezes], [1, 1])
  failpointsFrom({})('produce.sent')
})

/** What earlier versions have left behind is read by this one: state directories, changelogs, offsets, their members' words. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTimestampedKeyValueStore, openTaskState, storageEngine } from 'millrace-state-stores'
import t from 'tap'
import { ATTEMPT_ROW, decodeAttemptRow, decodePayload, PAYLOAD_ROW, parseRowKey } from '../../async/entry.ts'
import { buildTopology, Serdes } from '../../index.ts'
import { decodeAssignment, decodeSubscription } from '../../membership/protocol.ts'
import { decodeOffsetMetadata } from '../../runtime/offset-metadata.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import type { Fixture } from './fixture.ts'
import describe from './topology.ts'

const folder = join(import.meta.dirname, 'fixtures')
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const at = (second: number) => Date.UTC(2026, 0, 1) + second * 1_000
const strings = { serializeKey: (key: string) => Buffer.from(key), deserializeKey: (key: Uint8Array) => Buffer.from(key).toString() }

for (const name of readdirSync(folder).sort()) {
  const fixture = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Fixture
  const { applicationId, prefix } = fixture
  const topology = buildTopology((b) => describe(b, { prefix }), { applicationId })
  const subtopologyOf = (task: string) => topology.subtopologies.find((each) => task.startsWith(`${each.name}_`))!

  t.test(`${fixture.version}: the topology still has its tasks, stores and topics`, async (t) => {
    t.same(topology.subtopologies.map((each) => `${each.name}_0`).sort(), Object.keys(fixture.databases).sort())
    const own = topology.subtopologies.flatMap(({ internalTopics }) => internalTopics.map((topic) => topic.name))
    t.same(own.sort(), Object.keys(fixture.changelogs).sort())
  })

  for (const engine of ['leveldb', 'rocksdb'] as const) {
    t.test(`${fixture.version}: its databases open on ${engine}`, async (t) => {
      for (const [task, rows] of Object.entries(fixture.databases)) {
        const location = join(t.testdir({ db: {} }), 'db')
        const database = await storageEngine(engine).open(location)
        await database.write(rows.map(([key, value]) => ({ key: bytes(key), value: bytes(value) })))
        await database.close()
        const state = await openTaskState({ engine: storageEngine(engine), location, stores: storeSpecs(subtopologyOf(task)), readCacheBytes: 0 })
        if (task.includes('customers')) {
          const customers = createTimestampedKeyValueStore<string, string>(state.store('customers'), { ...strings, serializeValue: (value) => Buffer.from(value), deserializeValue: (value) => Buffer.from(value).toString() }, () => 0)
          t.same([...customers.all()], [['ada', { value: 'Mill Lane 1', timestamp: at(1) }], ['bob', { value: 'Race Road 2', timestamp: at(2) }]])
          t.equal(state.position(`${prefix}customers-0`)?.offset, 2)
        } else {
          const { serialize, deserialize } = Serdes.long()
          const counts = createTimestampedKeyValueStore<string, number>(state.store('orders-per-customer'), { ...strings, serializeValue: (value) => serialize('', value, []), deserializeValue: (value) => deserialize('', value, []) }, () => 0)
          t.same([...counts.all()], [['ada', { value: 2, timestamp: at(4) }], ['bob', { value: 1, timestamp: at(5) }]])
          const pending = [...state.store('ask-in-flight').range({})].map(([key, value]) => ({ ...parseRowKey(key), value }))
          const payloads = pending.filter(({ kind }) => kind === PAYLOAD_ROW).map(({ operator, value }) => [operator, decodePayload(value).value!.toString(), decodePayload(value).timestamp])
          t.same(payloads, [['ask', 'first', at(3)], ['ask', 'second', at(4)], ['ask', 'bad', at(5)]])
          const [parked] = pending.filter(({ kind, value }) => kind === ATTEMPT_ROW && decodeAttemptRow(value).parkedAt > 0)
          t.match(decodeAttemptRow(parked!.value), { attempts: 1, failure: 'CALL_FAILED' })
          t.equal(state.position(`${applicationId}-ask-in-flight-changelog-0`)?.topicId.length, 36)
        }
        await state.close()
      }
    })
  }

  t.test(`${fixture.version}: its changelogs make the same rows`, async (t) => {
    const counts = fixture.changelogs[`${applicationId}-orders-per-customer-changelog`]!
    const last = new Map(counts.map(({ key, value, timestamp }) => [bytes(key).toString(), [value === null ? null : Serdes.long().deserialize('', bytes(value), []), timestamp]]))
    t.same([...last], [['ada', [2, at(4)]], ['bob', [1, at(5)]]], 'plain values, their times are the records’')
    const calls = fixture.changelogs[`${applicationId}-ask-in-flight-changelog`]!
    t.same(calls.filter(({ key, value }) => value !== null && parseRowKey(bytes(key)).kind === PAYLOAD_ROW).map(({ value }) => decodePayload(bytes(value!)).value!.toString()), ['first', 'second', 'bad'])
  })

  t.test(`${fixture.version}: its offsets and its members are understood`, async (t) => {
    for (const { topic, metadata } of fixture.offsets) {
      const { partitionTime, extras } = decodeOffsetMetadata(metadata)
      t.equal(partitionTime, topic.endsWith('orders') ? at(5) : at(2), topic)
      t.match(extras.get('transactional.id'), new RegExp(`^${applicationId}-`))
    }
    const [member] = fixture.members
    const { processId, subtopologies, owned } = decodeSubscription(bytes(member!.metadata))
    t.equal(processId.length, 36)
    t.same(subtopologies.map((each) => [each.name, each.fingerprint]), topology.subtopologies.map((each) => [each.name, each.fingerprint]), 'unchanged topologies have unchanged fingerprints: nothing moves at an upgrade')
    t.ok(Array.isArray(owned))
    t.equal(decodeAssignment(bytes(member!.assignment)).tasks.length, 2)
  })
}

/** Who is asked: this instance, the owner, a copy, and again while tasks move. */
import t from 'tap'
import type { KeyValueStore, Processor, StreamsBuilder } from '../../index.ts'
import { KeyQuery, RangeQuery, Serdes, Stores } from '../../index.ts'
import { endpointAt } from '../../membership/endpoint.ts'
import { encodeAssignment, encodeSubscription, PROTOCOL_NAME } from '../../membership/protocol.ts'
import { GroupMetadata, readGroup, type StreamsMetadata } from '../../queries/group-metadata.ts'
import type { PageAnswer, PageRequest } from '../../queries/page.ts'
import { encodeRows } from '../../queries/rows-codec.ts'
import { StoreQueries } from '../../queries/store-queries.ts'
import { MemoryApp } from './memory-app.ts'

class Nothing implements Processor<string, string> {
  process(): void {}
}

function topology(b: StreamsBuilder): void {
  b.stream('in', { key: Serdes.string(), value: Serdes.string() }).process(() => new Nothing(), { name: 'keep', stores: [Stores.keyValueStore('kept', { key: Serdes.string(), value: Serdes.string() })] })
}

/** The group as its coordinator describes it: this many processes, partitions and copies each. */
function group(app: MemoryApp, processes: { readonly [processId: string]: { readonly active: readonly number[]; readonly standby?: readonly number[]; readonly listens?: boolean } }) {
  const { name, fingerprint } = app.topology.subtopologies[0]!
  const versions = (partitions: readonly number[]) => partitions.map((partition) => ({ subtopology: name, fingerprint, partition }))
  const description = { name, fingerprint, inputs: [{ topic: 'in', partitions: 4 }], changelogs: [], tasks: 4, weight: 1 }
  return {
    groupId: 'asked',
    state: 'Stable',
    protocolType: 'consumer',
    protocol: PROTOCOL_NAME,
    members: Object.entries(processes).map(([processId, { active, standby = [], listens = true }]) => ({
      memberId: `m-${processId}`,
      clientId: '',
      clientHost: '',
      metadata: encodeSubscription({ processId, thread: 0, subtopologies: [description], owned: [], released: [], copies: [], ...(listens ? { endpoint: endpointAt('10.0.0.1', 7_000) } : {}) }, ['in']),
      assignment: encodeAssignment({ tasks: versions(active), standbys: versions(standby) }, new Map()),
    })),
  }
}

t.test('the group says who has what', async (t) => {
  const app = new MemoryApp(topology)
  const view = readGroup(app.topology, group(app, { a: { active: [2, 0], standby: [1] }, b: { active: [1, 3], listens: false } }), 5)!
  t.same(view.processes.map(({ processId, endpoint, stores, standbyStores }) => [processId, endpoint?.host, stores.get('kept'), standbyStores.get('kept')]), [
    ['a', '10.0.0.1', [0, 2], [1]],
    ['b', undefined, [1, 3], undefined],
  ])
  const rebalancing = group(app, { a: { active: [0] } })
  t.equal(readGroup(app.topology, { ...rebalancing, members: rebalancing.members.map((member) => ({ ...member, metadata: new Uint8Array(0), assignment: new Uint8Array(0) })) }, 0), undefined)
  t.equal(readGroup(app.topology, { ...rebalancing, protocol: 'range' }, 0), undefined)

  let asked = 0
  const metadata = new GroupMetadata({ topology: () => app.topology, describe: async () => (asked++ === 0 ? { ...rebalancing, members: [] } : rebalancing) })
  await t.rejects(metadata.view(), { code: 'QUERY_REBALANCING' })
  await Promise.all([metadata.view(), metadata.view(), metadata.view()])
  await metadata.view()
  t.equal(asked, 2, 'asked for once by many, and remembered')
  await metadata.view(performance.now() + 1)
  t.equal(asked, 3)
})

const FOUND: PageAnswer = { kind: 'page', rows: encodeRows([{ value: Buffer.from('theirs') }]), position: { 'in-1': 5 }, active: true, lag: 0 }

/** Asks of a process that has nothing; the others answer as told. */
function routed(describe: () => ReturnType<typeof group>, answers: (owner: StreamsMetadata, request: PageRequest) => PageAnswer | Error, here: PageAnswer = { kind: 'absent' }) {
  const app = new MemoryApp(topology)
  const asked: string[] = []
  const queries = new StoreQueries({
    processId: () => 'here',
    topology: () => app.topology,
    ready: () => Promise.resolve(),
    partitions: () => Promise.resolve(4),
    metadata: new GroupMetadata({ topology: () => app.topology, describe: () => Promise.resolve(describe()) }),
    ask: () => Promise.resolve([here]),
    call: async (owner, request) => {
      asked.push(owner.processId)
      const answer = answers(owner, request)
      if (answer instanceof Error) {
        throw answer
      }
      return answer
    },
  })
  return { queries, asked }
}

const plain = new MemoryApp(topology)
const dead = Object.assign(new Error('gone'), { code: 'QUERY_OWNER_UNREACHABLE' })

t.test('only the active task is asked, unless a lag is allowed; copies then come after it', async (t) => {
  const describe = () => group(plain, { here: { active: [0] }, a: { active: [1] }, b: { active: [2, 3], standby: [1] } })
  const first = routed(describe, () => FOUND)
  t.match(await first.queries.single('kept', KeyQuery.withKey('x'), { partition: 1, routed: true }), { value: 'theirs', position: { in: { 1: 5 } } })
  t.same(first.asked, ['a'])
  const copy = routed(describe, ({ processId }) => (processId === 'a' ? dead : { ...FOUND, active: false, lag: 3 }))
  t.match(await copy.queries.single('kept', KeyQuery.withKey('x'), { partition: 1, routed: true, maxLag: 10 }), { active: false, lag: 3 })
  t.same(copy.asked, ['a', 'b'])
  const strict = routed(describe, () => dead)
  await t.rejects(strict.queries.single('kept', KeyQuery.withKey('x'), { partition: 1, routed: true, timeoutMs: 0 }), { code: 'QUERY_OWNER_UNREACHABLE' })
  t.same(strict.asked, ['a'])
  await t.rejects(routed(describe, () => FOUND).queries.single('kept', KeyQuery.withKey('x'), { partition: 1 }), { code: 'QUERY_NOT_PRESENT' })
})

t.test('while tasks move it asks the group again, until somebody has the key', async (t) => {
  let round = 0
  const moves = routed(
    () => group(plain, round++ === 0 ? { a: { active: [1] } } : { b: { active: [1] } }),
    ({ processId }) => (processId === 'a' ? dead : FOUND),
  )
  t.match(await moves.queries.single('kept', KeyQuery.withKey('x'), { partition: 1, routed: true }), { value: 'theirs' })
  t.same(moves.asked, ['a', 'b'])
  const nobody = routed(() => group(plain, { a: { active: [0] } }), () => FOUND)
  await t.rejects(nobody.queries.single('kept', KeyQuery.withKey('x'), { partition: 1, routed: true, timeoutMs: 120 }), { code: 'QUERY_REBALANCING' })
  t.same(nobody.asked, [])
})

t.test('what is final is not asked for elsewhere', async (t) => {
  const behind = routed(() => group(plain, { a: { active: [1] } }), () => FOUND, { kind: 'failure', code: 'QUERY_NOT_UP_TO_BOUND', message: 'not yet' })
  await t.rejects(behind.queries.single('kept', KeyQuery.withKey('x'), { routed: true, position: { in: { 0: 9 } } }), { code: 'QUERY_NOT_UP_TO_BOUND' })
  t.same(behind.asked, [])
})

t.test('of a store that is spread over instances, one without a route answers what it has', async (t) => {
  const app = new MemoryApp(topology, 4)
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    app.write('kept', key, (store: KeyValueStore<string, string>) => store.put(key, key.toUpperCase()))
  }
  const rows = app.queries.rows('kept', RangeQuery.withNoBounds())
  const seen = []
  for await (const { value } of rows) {
    seen.push(value)
  }
  t.same(seen.sort(), ['A', 'B', 'C', 'D', 'E'])
  t.same([...rows.sources.keys()], [0, 1, 2, 3])
  await t.rejects((async () => {
    for await (const _ of routed(() => group(plain, {}), () => FOUND).queries.rows('kept', RangeQuery.withNoBounds())) {
      t.fail('nothing is here')
    }
  })(), { code: 'QUERY_NOT_PRESENT' })
})

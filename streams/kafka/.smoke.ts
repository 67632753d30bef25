import { createCluster } from './index.ts'
const run = Date.now().toString(36)
const c = createCluster({ bootstrapServers: ['127.0.0.1:19092'], clientId: 'smoke' })
const admin = c.admin()
const T = 'kc-smoke-' + run
let t = performance.now(); const lap = (n: string) => { console.log(n, (performance.now() - t).toFixed(1)); t = performance.now() }
await admin.createTopics([{ name: T, partitions: 3, replicationFactor: -1, config: { 'cleanup.policy': 'compact' } }]); lap('create')
console.log((await c.metadata([T, 'nope-' + run])).size, (await admin.topicConfig(T))['cleanup.policy'])
const p = c.producer({ transactionalId: 'tx-' + run, ...(process.argv[2] === '1' ? { transactionVersion: 1 } : {}) } as never)
await p.init(); lap('init')
const g = c.group()
let memberId = ''
const jr = { groupId: 'g-' + run, memberId: '', sessionTimeoutMs: 10000, rebalanceTimeoutMs: 10000, protocolType: 'consumer' as const, protocols: [{ name: 'x', metadata: Buffer.from([1,2]) }] }
try { await g.join(jr) } catch (e: any) { console.log(e.message, e.memberId); memberId = e.memberId }
const j = await g.join({ ...jr, memberId }); lap('join'); console.log(j)
const id = { groupId: jr.groupId, memberId, generationId: j.generationId }
console.log(await g.sync(id, 'x', [{ memberId, assignment: Buffer.from('hi') }])); lap('sync')
await g.heartbeat(id)
const w = [0, 1, 2].map((partition) => c.writer({ topic: T, partition }))
const seen: string[] = []
const f = c.fetcher({ isolation: 'read_committed', onRecords: (r) => { while (r.cursor.next()) { seen.push(`${r.partition}@${r.cursor.offset}=${Buffer.from(r.cursor.key()!)}:${r.cursor.headers().map(h => h.key + (h.value === null ? '-' : Buffer.from(h.value)))}`) } }, onError: (p, e) => console.log('ERR', p, e.message) })
for (const x of w) f.seek(x, 0)
for (let n = 0; n < 20; n++) {
  for (const x of w) { x.reset(); x.append(Date.now(), Buffer.from('k' + n), n % 2 ? null : Buffer.from('v'), n % 3 ? [] : [{ key: 'h', value: Buffer.from('1') }, { key: 'z', value: null }]) }
  const a = p.produce(w); const b = p.sendOffsets([{ topic: T, partition: 0, offset: n, metadata: 'm' }], id)
  const [acks] = await Promise.all([a, b])
  if (n === 5) { await p.abort(); lap('abort') } else { await p.commit() }
  if (n < 2 || n == 19) { lap('commit'); console.log(acks) }
}
console.log(await g.fetchOffsets(id.groupId, [{ topic: T, partition: 0 }, { topic: T, partition: 1 }]))
lap('20')
while (seen.length < 57) await new Promise(r => setTimeout(r, 5))
lap('seen'); console.log(seen.filter(s => s.startsWith('1')).join(' '), (p as any).state)
console.log(await c.listOffsets(w, 'latest', 'read_uncommitted'), await c.listOffsets(w, 'earliest', 'read_committed'), await c.endOffsetForEpoch(w.map(x => ({ topic: x.topic, partition: x.partition, leaderEpoch: 0 }))))
await c.fence('tx-' + run); lap('fence')
w[0]!.reset(); w[0]!.append(1, Buffer.from('z'), null, [])
await p.produce([w[0]!]).catch((e) => console.log(e.code, e.message))
await g.leave(id.groupId, [memberId])
await admin.deleteTopics([T])
await c.close(); lap('close')

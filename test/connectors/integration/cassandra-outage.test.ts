/** Cassandra goes away and comes back under a client: it reads again, and when it is closed no connection is left. */
import t from 'tap'
import { cassandraClient } from '../../../connectors/index.ts'
import { Gate } from '../../brokers/gate.ts'
import { eventually, stackFile } from './support.ts'

const OUTAGES = 3
/** What is silent is given up soon. */
const IMPATIENT = { socketOptions: { connectTimeout: 1_000, readTimeout: 300 } }
const target = Number(stackFile().cassandra.split(':')[1])

t.test('a client outlives outages and leaves nothing open', async (t) => {
  let gate = new Gate(target)
  await gate.listen(0)
  const { port } = gate
  const client = cassandraClient({ contactPoints: [`127.0.0.1:${port}`], datacenter: 'datacenter1', keyspace: 'system' })
  const reads = async () => (await client.execute('SELECT key FROM system.local')).rowLength === 1
  await eventually('it reads', reads)
  for (let outage = 0; outage < OUTAGES; outage++) {
    await gate.end()
    await t.rejects(reads(), 'nothing is read while it is away')
    gate = new Gate(target)
    await gate.listen(port)
    await eventually('it reads again', reads)
  }
  await client.shutdown()
  await eventually('all connections closed', async () => gate.connections === 0, 20_000)
  t.equal(gate.connections, 0)
  await gate.end()
})

for (const answers of [0, 1, 2, 3]) {
  t.test(`what falls silent after ${answers} answers, as a node that starts may, is left behind`, async (t) => {
    const gate = new Gate(target)
    await gate.listen(0)
    const client = cassandraClient({ contactPoints: [`127.0.0.1:${gate.port}`], datacenter: 'datacenter1', keyspace: 'system' }, IMPATIENT)
    const reads = async () => (await client.execute('SELECT key FROM system.local')).rowLength === 1
    await eventually('it reads', reads)
    const before = gate.accepted
    gate.silenceAfter(answers)
    gate.cut()
    await eventually('it has tried', async () => gate.accepted > before + 1)
    gate.silenceAfter(Infinity)
    await eventually('it reads again', reads)
    await client.shutdown()
    await eventually('all connections closed', async () => gate.connections === 0, 20_000)
    t.equal(gate.connections, 0)
    await gate.end()
  })
}

t.test('what is shut down while it connects leaves nothing open', async (t) => {
  const gate = new Gate(target)
  await gate.listen(0)
  gate.silenceAfter(2)
  const client = cassandraClient({ contactPoints: [`127.0.0.1:${gate.port}`], datacenter: 'datacenter1', keyspace: 'system' }, IMPATIENT)
  const connecting = t.rejects(client.connect(), 'who waits for it is told')
  await eventually('it connects', async () => gate.accepted > 0)
  await client.shutdown()
  await connecting
  await eventually('all connections closed', async () => gate.connections === 0, 20_000)
  t.equal(gate.connections, 0)
  await gate.end()
})

t.test('two attempts to reconnect at once, as two timers make them, end nothing', async (t) => {
  const gate = new Gate(target)
  await gate.listen(0)
  const client = cassandraClient({ contactPoints: [`127.0.0.1:${gate.port}`], datacenter: 'datacenter1', keyspace: 'system' }, IMPATIENT)
  const reads = async () => (await client.execute('SELECT key FROM system.local')).rowLength === 1
  await eventually('it reads', reads)
  gate.silenceAfter(2)
  gate.cut()
  const { controlConnection } = client as typeof client & { readonly controlConnection: { _refresh(): Promise<void> } }
  await t.resolves(Promise.all([controlConnection._refresh(), controlConnection._refresh()]))
  gate.silenceAfter(Infinity)
  await eventually('it reads again', reads)
  await client.shutdown()
  await eventually('all connections closed', async () => gate.connections === 0, 20_000)
  await gate.end()
})

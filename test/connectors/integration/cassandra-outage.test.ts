/** Cassandra goes away and comes back under a client: it reads again, and when it is closed no connection is left. */
import t from 'tap'
import { cassandraClient } from '../../../connectors/index.ts'
import { Gate } from '../../brokers/gate.ts'
import { eventually, stackFile } from './support.ts'

const OUTAGES = 3

t.test('a client outlives outages and leaves nothing open', async (t) => {
  const target = Number(stackFile().cassandra.split(':')[1])
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

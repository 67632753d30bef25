/** A broker that was away for a while is back: who is told of it, and who has to find out. */
import { mock } from 'node:test'
import t from 'tap'
import { Brokers } from '../../kafka/brokers.ts'
import { METADATA } from '../../kafka/protocol/metadata.ts'
import { ScriptedBroker } from './scripted-broker.ts'

t.test('the first connection that reaches a broker ends the pauses of all others', async (t) => {
  const broker = new ScriptedBroker(2)
  await broker.listen()
  broker.away = true
  const brokers = new Brokers({ bootstrapServers: [`127.0.0.1:${broker.port}`, `localhost:${broker.port}`], clientId: 'test' })
  t.teardown(() => {
    brokers.close()
    broker.close()
  })
  const waiting = [brokers.connections(), brokers.connections()].map((group) => group.to(-1))
  const elsewhere = brokers.connections().to(-2)
  for (const connection of [...waiting, elsewhere]) {
    await t.rejects(connection.request(METADATA, { topics: [] }), { code: 'CONNECTION_FAILED' })
  }

  broker.away = false
  // The clock stands still: no pause ends by itself.
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 })
  t.teardown(() => mock.timers.reset())
  const answers = waiting.map((connection) => connection.request(METADATA, { topics: [] }))
  let other = false
  elsewhere.request(METADATA, { topics: [] }).then(
    () => {
      other = true
    },
    () => undefined,
  )
  await brokers.connections().to(-1).request(METADATA, { topics: [] })
  for (const { topics } of await Promise.all(answers)) {
    t.equal(topics.length, 1)
  }
  t.notOk(other, 'another address is asked when its time has come')
})

t.test('whoever may be asked is asked before a broker that could not be reached', async (t) => {
  const [broker, gone] = [new ScriptedBroker(2), new ScriptedBroker(2)]
  await Promise.all([broker.listen(), gone.listen()])
  gone.away = true
  const brokers = new Brokers({ bootstrapServers: [`127.0.0.1:${broker.port}`], clientId: 'test' })
  t.teardown(() => {
    brokers.close()
    broker.close()
    gone.close()
  })
  brokers.replace([gone, broker].map(({ port }, index) => ({ nodeId: index + 1, host: '127.0.0.1', port })))
  const group = brokers.connections()
  await t.rejects(group.to(1).request(METADATA, { topics: [] }), { code: 'CONNECTION_FAILED' })

  // The clock stands still: no pause ends by itself.
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 })
  t.teardown(() => mock.timers.reset())
  for (let i = 0; i < 20; i++) {
    const { topics } = await group.any(METADATA, { topics: [] })
    t.equal(topics.length, 1)
  }
})

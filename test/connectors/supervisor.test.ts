import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KafkaCluster } from 'millrace/kafka'
import t from 'tap'
import { ConnectRest } from '../../connectors/rest.ts'
import { Supervisor, type SupervisorEvent } from '../../connectors/supervisor.ts'

/** Nothing is asked of Kafka before a connector has failed. */
const cluster = {} as KafkaCluster

for (const [what, answer] of [['never answers', undefined], ['has not started', 503], ['stops in the middle of an answer', 200]] as const) {
  t.test(`a supervisor stops though Connect ${what}`, async (t) => {
    const server = createServer((_request, response) => {
      if (answer !== undefined) {
        response.writeHead(answer, { 'content-length': answer === 200 ? 2 : 0 }).flushHeaders()
      }
      if (answer === 503) {
        response.end()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    const events: SupervisorEvent[] = []
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const supervisor = new Supervisor({ rest: new ConnectRest(url), cluster, connectors: ['sink'], onEvent: (event) => void events.push(event) })
    supervisor.start()
    await once(server, 'request')
    await supervisor.stop()
    t.same(events, [], 'a call that was given up is nobody’s failure')
  })
}

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { ConnectRest, Supervisor, type SupervisorEvent } from '../../connectors/index.ts'

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
    const cluster = createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'supervisor' })
    t.teardown(async () => {
      server.closeAllConnections()
      server.close()
      await cluster.close()
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

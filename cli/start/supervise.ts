import { ConnectRest, CONNECTORS, connectorName, Supervisor, type SupervisorEvent } from '../../connectors/index.ts'
import type { Environment } from './environment.ts'

/** Looks after the connectors for as long as the job runs; says what it had to do. */
export function superviseConnectors({ connectors, cluster }: Environment, say: (line: string) => void): Supervisor {
  const supervisor = new Supervisor({
    rest: new ConnectRest(connectors.connect.url),
    cluster,
    connectors: Object.keys(CONNECTORS).map((name) => connectorName(connectors, name as keyof typeof CONNECTORS)),
    onEvent: (event) => {
      const text = textOf(event)
      if (text !== undefined) {
        say(text)
      }
    },
  })
  supervisor.start()
  return supervisor
}

function textOf(event: SupervisorEvent): string | undefined {
  switch (event.type) {
    case 'failed':
      return `connector ${event.connector} failed: ${event.failure}`
    case 'restarted':
      return `connector ${event.connector} restarted (attempt ${event.attempt})`
    case 'recovered':
      return `connector ${event.connector} runs again`
    case 'blocked': {
      const records = event.poison.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`).join(', ')
      return `connector ${event.connector} is blocked by ${records}: npm run connectors -- skip sets it aside`
    }
    case 'unreachable':
      return undefined
  }
}

/** `millrace describe`: the topology of a module, without a broker. */
import { topologyToJSON } from '../graph/json.ts'
import { describeMermaid } from '../graph/mermaid.ts'
import type { Command } from './command.ts'
import { UsageError } from './command.ts'
import { loadTopology, TOPOLOGY_HELP, TOPOLOGY_OPTIONS } from './topology-file.ts'

const FORMATS = ['text', 'json', 'mermaid'] as const

export const describeTopology: Command = {
  name: 'describe',
  summary: "the topology of a module as Kafka Streams' text, JSON or a Mermaid chart",
  usage: 'TOPOLOGY.ts [--format text|json|mermaid]',
  help: `TOPOLOGY.ts is a module whose default export is the topology function; it is loaded and run.
  --format FORMAT       text (default; what Kafka Streams' describe() prints), json (for 'topology diff'), mermaid
${TOPOLOGY_HELP}`,
  options: { ...TOPOLOGY_OPTIONS, format: { type: 'string' } },
  positionals: [1, 1],
  run: async (args, out) => {
    const format = args.text('format') ?? 'text'
    if (!FORMATS.some((known) => known === format)) {
      throw new UsageError(`--format is ${JSON.stringify(format)}: give ${FORMATS.join(', ')}`)
    }
    const topology = await loadTopology(args.positionals[0]!, { applicationId: args.text('application-id'), settings: args.text('settings') })
    switch (format) {
      case 'json':
        out.line(JSON.stringify(topologyToJSON(topology), undefined, 2))
        break
      case 'mermaid':
        out.line(describeMermaid(topology).trimEnd())
        break
      default:
        out.line(topology.describe().trimEnd())
    }
    return 0
  },
}

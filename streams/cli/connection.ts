/** How every command reaches the cluster. */
import { createCluster } from '../kafka/cluster.ts'
import type { KafkaClientOptions, KafkaCluster } from '../kafka/contract.ts'
import type { Arguments, Output } from './command.ts'
import { UsageError } from './command.ts'
import { clientOptions } from './properties.ts'

export const CONNECTION_OPTIONS = {
  'bootstrap-server': { type: 'string', multiple: true },
  'command-config': { type: 'string' },
} as const

export const CONNECTION_HELP = `
  --bootstrap-server HOST:PORT[,…]   default: that of the configuration, else localhost:9092
  --command-config FILE              properties with Kafka's names: security.protocol, sasl.*, ssl.* (PEM)`

/** Throws `UsageError` for addresses and files that cannot be used. */
export function connectionOptions(args: Arguments): KafkaClientOptions {
  const given = args.list('bootstrap-server')
  const file = args.text('command-config')
  const options: KafkaClientOptions = file === undefined ? { bootstrapServers: given, clientId: 'millrace-cli' } : clientOptions(file, given)
  const bootstrapServers = options.bootstrapServers.length === 0 ? ['localhost:9092'] : options.bootstrapServers
  for (const server of bootstrapServers) {
    const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(server)?.[1])
    if (!(port >= 1 && port <= 65_535)) {
      throw new UsageError(`--bootstrap-server: ${JSON.stringify(server)} is not HOST:PORT`)
    }
  }
  return { ...options, bootstrapServers }
}

/** Runs `work` with a cluster that is closed after it. */
export async function withCluster<T>(args: Arguments, out: Output, work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
  const cluster = createCluster({ ...connectionOptions(args), onWarning: (message) => out.remark(message) })
  try {
    return await work(cluster)
  } finally {
    await cluster.close()
  }
}

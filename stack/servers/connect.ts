import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { classPath } from '../components.ts'
import { loopback, port, type Server, type ServerContext } from './contract.ts'
import { javaCommand, writeLogging } from './java.ts'
import { isOk } from './probe.ts'

const folder = (context: ServerContext): string => join(context.folders.data, 'connect')

/** The worker.properties of this stack. */
export function workerProperties(context: ServerContext): string {
  // Whoever reaches the REST port can run code as this user: it stays on loopback, and config providers read one folder.
  return `bootstrap.servers=${loopback}:${port(context, 'kafka')}
group.id=millrace-connect
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.converters.ByteArrayConverter
plugin.path=${context.plugins.join(',')}
plugin.discovery=service_load
listeners=http://${loopback}:${port(context, 'connect')}
exactly.once.source.support=enabled
offset.flush.interval.ms=5000
scheduled.rebalance.max.delay.ms=0
connector.client.config.override.policy=All
config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.file.param.allowed.paths=${context.folders.secrets}
`
}

/** The Kafka Connect worker (distributed mode). It waits for its broker by itself. */
export const connect: Server = {
  name: 'connect',
  ports: ['connect'],
  stopSignal: 'SIGTERM',
  patience: 20_000,

  async prepare(context) {
    const home = folder(context)
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'worker.properties'), workerProperties(context))
    await writeLogging(home, ['org.apache.kafka.connect.runtime.distributed.DistributedHerder'])
  },

  async command(context) {
    const home = folder(context)
    return javaCommand(context, {
      name: 'connect',
      folder: home,
      flags: ['-Xms256m', '-Xmx768m', '-XX:+UseG1GC', '-Djava.awt.headless=true', `-Dlog4j2.configurationFile=file:${join(home, 'log4j2.properties')}`],
      classPath: await classPath(join(context.installed.kafka, 'libs')),
      main: ['org.apache.kafka.connect.cli.ConnectDistributed', join(home, 'worker.properties')]
    })
  },

  /** KIP-1017: 200 once the worker has joined its group and read its configuration. */
  isReady: (context) => isOk(`http://${loopback}:${port(context, 'connect')}/health`)
}

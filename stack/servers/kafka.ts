import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { classPath } from '../components.ts'
import { runToEnd } from '../process.ts'
import { loopback, port, type Server, type ServerContext } from './contract.ts'
import { javaCommand, writeLogging } from './java.ts'
import { firstBytes } from './probe.ts'

const folder = (context: ServerContext): string => join(context.folders.data, 'kafka')

/** The server.properties of this stack. */
export function brokerProperties(context: ServerContext): string {
  const client = port(context, 'kafka')
  const controller = port(context, 'kafkaController')
  // One node that is broker and controller. 20 MiB records: the file source carries whole files, as one record each.
  return `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=${loopback}:${controller}
listeners=PLAINTEXT://${loopback}:${client},CONTROLLER://${loopback}:${controller}
advertised.listeners=PLAINTEXT://${loopback}:${client}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${join(folder(context), 'log')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
log.segment.bytes=16777216
message.max.bytes=20971520
replica.fetch.max.bytes=20971520
`
}

/** A cluster id as Kafka writes them; one that begins with '-' would break the argument parser of the format tool. */
function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A')
}

/** The Kafka broker and controller (KRaft), in one process. */
export const kafka: Server = {
  name: 'kafka',
  ports: ['kafka', 'kafkaController'],
  stopSignal: 'SIGTERM',
  patience: 20_000,

  async prepare(context) {
    const home = folder(context)
    await mkdir(home, { recursive: true })
    const settings = join(home, 'server.properties')
    await writeFile(settings, brokerProperties(context))
    await writeLogging(home, ['kafka.server'])
    if (!existsSync(join(home, 'log', 'meta.properties'))) {
      const format = javaCommand(context, {
        name: 'kafka-format',
        folder: home,
        flags: ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=file:${join(home, 'log4j2.properties')}`],
        classPath: await classPath(join(context.installed.kafka, 'libs')),
        main: ['kafka.tools.StorageTool', 'format', '--standalone', '-t', clusterId(), '-c', settings, '--ignore-formatted']
      })
      await runToEnd(format, 'formatting the storage of Kafka', context.signal)
    }
  },

  async command(context) {
    const home = folder(context)
    return javaCommand(context, {
      name: 'kafka',
      folder: home,
      flags: [
        '-Xms256m', '-Xmx512m', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-Djava.awt.headless=true',
        `-Dkafka.logs.dir=${join(home, 'logs')}`, `-Dlog4j2.configurationFile=file:${join(home, 'log4j2.properties')}`
      ],
      classPath: await classPath(join(context.installed.kafka, 'libs')),
      main: ['kafka.Kafka', join(home, 'server.properties')]
    })
  },

  /** ApiVersions, version 0: the broker opens its client listener only once it may serve. */
  async isReady(context) {
    const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
    const answer = await firstBytes(port(context, 'kafka'), request)
    return answer !== undefined && answer.length >= 10 && answer.readInt32BE(4) === 1 && answer.readInt16BE(8) === 0
  }
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StackError } from '../errors.ts'
import { loopback, port, type Server, type ServerContext } from './contract.ts'
import { javaCommand } from './java.ts'
import { isOk } from './probe.ts'

const folder = (context: ServerContext): string => join(context.folders.data, 'registry')

/** The registry's address in the API that Confluent's clients speak. */
export function registryAddress(context: ServerContext): string {
  return `http://${loopback}:${port(context, 'registry')}/apis/ccompat/v7`
}

/**
 * Apicurio Registry, with its storage in Kafka: in memory a restart would forget every schema id and make each record
 * written so far undecodable.
 */
export const registry: Server = {
  name: 'registry',
  ports: ['registry', 'registryManagement'],
  stopSignal: 'SIGTERM',
  patience: 15_000,

  async prepare(context) {
    await mkdir(folder(context), { recursive: true })
  },

  async command(context) {
    return javaCommand(context, {
      name: 'registry',
      folder: folder(context),
      flags: [
        // It is asked a few times a second at most: a quick start is worth more than a fast steady state.
        '-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.util.logging.manager=org.jboss.logmanager.LogManager',
        `-Dquarkus.http.host=${loopback}`, `-Dquarkus.http.port=${port(context, 'registry')}`,
        `-Dquarkus.management.host=${loopback}`, `-Dquarkus.management.port=${port(context, 'registryManagement')}`,
        // Its start reads the journal to the end by polls that wait for more: 5 s each by default.
        '-Dapicurio.kafkasql.consumer.poll.timeout=250',
        '-Dapicurio.storage.kind=kafkasql', `-Dapicurio.kafkasql.bootstrap.servers=${loopback}:${port(context, 'kafka')}`
      ],
      main: ['-jar', join(context.installed.registry, 'quarkus-run.jar')]
    })
  },

  isReady: (context) => isOk(`${registryAddress(context)}/subjects`),

  /** Compatibility is off by default: a schema that old readers cannot read would be let in. */
  async afterStart(context) {
    const response = await fetch(`${registryAddress(context)}/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(15_000)])
    })
    if (!response.ok) {
      throw new StackError('PREPARE_FAILED', `the registry refused the compatibility rule BACKWARD: ${response.status} ${await response.text()}`)
    }
  }
}

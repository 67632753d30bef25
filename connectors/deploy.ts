import { isDeepStrictEqual } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { cassandraSink } from './cassandra/definition.ts'
import { type ConnectorDefinition, type ConnectorsConfig, connectorName } from './config.ts'
import { ConnectorError } from './errors.ts'
import { fileSource } from './files/definition.ts'
import { postgresqlSink } from './postgresql/definition.ts'
import { ConnectRest } from './rest.ts'

export interface DeployOptions {
  /** Default: a client of `config.connect.url`. */
  rest?: ConnectRest
  /** How long the connectors may take until every task runs. Default 90 s; 0 does not wait. */
  timeoutMs?: number
  /** Told of each connector as soon as the worker has taken it, before its tasks run. */
  onDeployed?: (name: string, outcome: Deployment) => void
}

/** What a deployment made of a connector. */
export type Deployment = 'created' | 'changed' | 'unchanged' | 'removed'

const POLL_MS = 250

/** Every connector the configuration asks for. Pure: the same configuration gives the same settings. */
export function connectorDefinitions(config: ConnectorsConfig): ConnectorDefinition[] {
  const sinks = [postgresqlSink(config), cassandraSink(config)]
  return config.share === null ? sinks : [...sinks, fileSource(config, config.share)]
}

/** Topics the sinks need beside those they read: Connect does not create them on a broker that creates none by itself. */
export function deadLetterTopics(config: ConnectorsConfig): string[] {
  return [config.topics.postgresqlDeadLetters, config.topics.cassandraDeadLetters]
}

/**
 * Brings the worker to what the configuration says, and nothing else: connectors whose settings are right already are
 * not touched. Topics and tables must be there before.
 * @returns the names of the connectors that were created or changed
 * @throws ConnectorError when the worker lacks a plugin, refuses settings, or a task does not run in time
 */
export async function deployConnectors(config: ConnectorsConfig, options: DeployOptions = {}): Promise<string[]> {
  const rest = options.rest ?? new ConnectRest(config.connect.url)
  const definitions = connectorDefinitions(config)
  const plugins = new Set(await rest.plugins())
  for (const { settings } of definitions) {
    const plugin = settings['connector.class']!
    if (!plugins.has(plugin)) {
      throw new ConnectorError('CONNECT_REFUSED', `The Connect worker has no plugin ${plugin}: put it into the worker's plugin.path.`)
    }
  }
  const changed: string[] = []
  for (const { name, settings } of definitions) {
    const present = await rest.settings(name)
    if (isDeepStrictEqual(present, { ...settings, name })) {
      options.onDeployed?.(name, 'unchanged')
      continue
    }
    await rest.put(name, settings)
    changed.push(name)
    options.onDeployed?.(name, present === undefined ? 'created' : 'changed')
  }
  const files = connectorName(config, 'files')
  if (config.share === null && (await rest.settings(files)) !== undefined) {
    await rest.remove(files)
    options.onDeployed?.(files, 'removed')
  }
  if (options.timeoutMs !== 0) {
    await running(rest, definitions, options.timeoutMs ?? 90_000)
  }
  return changed
}

async function running(rest: ConnectRest, definitions: ConnectorDefinition[], timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs
  for (const { name } of definitions) {
    for (;;) {
      const status = await rest.status(name)
      if (status?.connector.state === 'RUNNING' && status.tasks.length > 0 && status.tasks.every((task) => task.state === 'RUNNING')) {
        break
      }
      if (Date.now() > until) {
        const failed = status?.tasks.find((task) => task.state === 'FAILED')
        const why = failed?.trace?.split('\n', 1)[0] ?? status?.connector.trace?.split('\n', 1)[0]
        throw new ConnectorError('CONNECT_UNAVAILABLE', `Connector "${name}" does not run after ${timeoutMs / 1000} s${why === undefined ? '' : `: ${why}`}.`)
      }
      await delay(POLL_MS)
    }
  }
}

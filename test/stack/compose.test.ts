// The containers and the local processes are the same servers: versions, ports and settings are compared here.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { installation } from '../../stack/cache.ts'
import { stackFolders } from '../../stack/folders.ts'
import { readLock } from '../../stack/lock.ts'
import { workerProperties } from '../../stack/servers/connect.ts'
import type { ServerContext } from '../../stack/servers/contract.ts'
import { brokerProperties } from '../../stack/servers/kafka.ts'

const lock = readLock()
const read = (name: string): string => readFileSync(new URL(`../../docker/${name}`, import.meta.url), 'utf8')
const context: ServerContext = {
  folders: stackFolders('/stack'), installed: installation(lock, '/cache'), ports: lock.ports, database: { user: 'u', password: 'p', database: 'd' },
  plugins: [], signal: new AbortController().signal, say: () => undefined
}

/** The lines of one service. */
function service(name: string): string {
  return new RegExp(`^  ${name}:\\n((?:    .*\\n|\\n)*)`, 'm').exec(read('compose.yaml'))?.[1] ?? ''
}

function properties(text: string): Map<string, string> {
  return new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  }))
}

t.test('the images are those of the lock, and their versions those of its components', async (t) => {
  for (const name of ['kafka', 'registry', 'cassandra', 'postgresql'] as const) {
    t.match(service(name), `image: ${lock.images[name]}\n`, name)
  }
  t.match(read('connect.Dockerfile'), `\nFROM ${lock.images['connect']}\n`)
  t.match(read('connect.Dockerfile'), `FROM node:${lock.node.version.split('.')[0]}-`)
  for (const name of ['kafka', 'registry', 'cassandra'] as const) {
    t.equal(lock.images[name]?.split(':')[1], lock.components[name].version, name)
  }
})

t.test('every port is on loopback and the one that the local stack prefers', async (t) => {
  for (const name of ['kafka', 'registry', 'connect', 'cassandra', 'postgresql'] as const) {
    t.match(service(name), `"127.0.0.1:${lock.ports[name]}:`, name)
  }
  t.notMatch(read('compose.yaml'), /ports: \["\d+:/)
})

t.test('the broker has the settings of the local one', async (t) => {
  const local = properties(brokerProperties(context))
  // Addresses, and what follows from a container's own host name.
  const own = ['listeners', 'advertised.listeners', 'inter.broker.listener.name', 'listener.security.protocol.map', 'log.dirs', 'controller.quorum.voters', 'controller.quorum.bootstrap.servers']
  const container = new Map([...service('kafka').matchAll(/^ {6}KAFKA_([A-Z_]+): "?([^"\n]*)"?$/gm)].map(([, name = '', value = '']) => [name.toLowerCase().replaceAll('_', '.'), value]))
  for (const name of own) {
    local.delete(name)
    container.delete(name)
  }
  t.same(Object.fromEntries(container), Object.fromEntries(local))
})

t.test('the Connect worker has the settings of the local one', async (t) => {
  const local = properties(workerProperties(context))
  const container = properties(read('connect.properties'))
  for (const name of ['bootstrap.servers', 'listeners', 'plugin.path', 'config.providers.file.param.allowed.paths']) {
    t.ok(local.delete(name) && container.delete(name), name)
  }
  t.same(Object.fromEntries(container), Object.fromEntries(local))
})

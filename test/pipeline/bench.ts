/**
 * An environment of a test's own on the servers of the stack: topics, databases, connectors, and the processes that run
 * on them. Several may be open at once.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import pg from 'pg'
import { Registry } from '../../avro/index.ts'
import { type Environment, prepare } from '../../cli/start/environment.ts'
import { superviseConnectors } from '../../cli/start/supervise.ts'
import { CONNECTORS, cassandraClient, ConnectRest, connectorName, type Supervisor } from '../../connectors/index.ts'
import { contentKey } from '../../processors/dedupe/index.ts'
import { isEndState } from '../../topology/states.ts'
import type { StackAddresses } from '../../stack/index.ts'
import { eventually, SERVER_TIMEOUT_MS } from '../connectors/integration/support.ts'
import { freePorts } from '../stack/free-ports.ts'
import type { ApplicationConfig } from '../../topology/config.ts'
import { valueSerde } from '../../topology/serdes.ts'
import { decode, TopicFollower } from '../../topology/topic-follower.ts'
import { documentKey, topics } from '../../topology/topics.ts'
import type { TestDocument } from './documents.ts'
import { Instance } from './instance.ts'
import { databaseOutcome, type Outcome, type StoreOwner, storeOutcome, topicOutcome } from './outcome.ts'

/** Nothing moved for so long: the test fails with what is missing instead of waiting for the runner's limit. */
const STALLED_MS = 120_000
const POLL_MS = 50
/** A batch may have 8 MiB, as topics.ts says. */
const REQUEST_BYTES = 4 * 1024 * 1024

/** The servers that the runner started. Without them a test fails: nothing is skipped. */
export function stackAddresses(): StackAddresses {
  const file = process.env['MILLRACE_STACK']
  if (file === undefined) {
    throw new Error('MILLRACE_STACK must name the JSON file that "npm run stack -- up" wrote.')
  }
  return JSON.parse(readFileSync(file, 'utf8')) as StackAddresses
}

/** Shows that a test moves on; a comment of TAP would wait for the subtest to end. */
export function say(line: string): void {
  process.stderr.write(`# ${line}\n`)
}

export interface BenchOptions {
  readonly tenants: readonly string[]
  /** Over the configuration that `npm start` would write. */
  readonly settings?: Partial<ApplicationConfig>
}

export class Bench {
  readonly environment: Environment
  readonly config: ApplicationConfig
  readonly kafka: Kafka
  readonly folder: string
  readonly sent: TestDocument[] = []
  readonly #cluster: KafkaCluster
  readonly #registry: Registry
  readonly #admin: Admin
  readonly #producer: Producer
  readonly #supervisor: Supervisor
  readonly #followers: TopicFollower[]
  readonly #instances: Instance[] = []
  readonly #ended = new Set<string>()
  #events = 0
  #owners: readonly StoreOwner[] = []

  private constructor(environment: Environment, options: BenchOptions) {
    const { config, addresses } = environment
    this.environment = environment
    this.folder = environment.folder
    this.config = { ...config, ...options.settings }
    this.kafka = new Kafka({ clientId: config.topicPrefix, brokers: [addresses.kafka], logLevel: logLevel.NOTHING, retry: { retries: 30, maxRetryTime: 2_000 } })
    this.#cluster = createCluster({ bootstrapServers: [addresses.kafka], clientId: `${config.topicPrefix}test` })
    this.#registry = new Registry({ url: config.registry })
    this.#admin = this.kafka.admin()
    this.#producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
    this.#supervisor = superviseConnectors(environment, say)
    const declared = topics(config.topicPrefix)
    const lifecycle = valueSerde(this.#registry, declared.lifecycle, 'LifecycleEvent')
    const follow = (topic: string, onRecord: (key: Uint8Array | null, value: Uint8Array | null) => void | Promise<void>): TopicFollower =>
      new TopicFollower({ cluster: this.#cluster, topic, from: 'earliest', onRecord, onWarning: say })
    this.#followers = [
      follow(declared.lifecycle.name, async (_key, value) => {
        const { tenant_id, document_id, to_state } = await decode(lifecycle, declared.lifecycle.name, value!)
        this.#events += 1
        if (isEndState(to_state)) {
          this.#ended.add(documentKey(tenant_id, document_id))
        }
      }),
      follow(declared.deadLetter.name, (key) => {
        this.#ended.add(Buffer.from(key ?? '').toString())
      }),
    ]
  }

  static async open(options: BenchOptions): Promise<Bench> {
    const addresses = stackAddresses()
    const run = `t${randomBytes(4).toString('hex')}`
    const database = `millrace_${run}`
    await administer(addresses, `CREATE DATABASE ${database}`)
    const folder = mkdtempSync(join(tmpdir(), `millrace-${run}-`))
    const { api, ops } = await freePorts('api', 'ops')
    const site = { folder, secrets: folder, prefix: `${run}.`, database, keyspace: `archive_${run}`, ports: { api, ops } }
    const bench = new Bench(await prepare(addresses, site, { ...options, say }), options)
    await Promise.all([bench.#admin.connect(), bench.#producer.connect(), ...bench.#followers.map((follower) => follower.start())])
    return bench
  }

  /** Lifecycle events seen so far: how far the topology has come. */
  get events(): number {
    return this.#events
  }

  /** Documents that were sent and have not ended. */
  get pending(): number {
    return this.sent.filter((document) => !this.hasEnded(document)).length
  }

  hasEnded({ tenant, documentId }: TestDocument): boolean {
    return this.#ended.has(documentKey(tenant, documentId))
  }

  /** One more process. Those with a `name` keep a state directory of their own. */
  async start(options: { readonly name?: string; readonly failpoint?: string; readonly settings?: Partial<ApplicationConfig> } = {}): Promise<Instance> {
    const { name, failpoint, settings } = options
    const { api, ...joining } = this.config
    const config =
      name === undefined ? { ...joining, ...(api === undefined ? {} : { api }) } : { ...joining, stateDir: `${joining.stateDir}-${name}`, ops: { ...joining.ops, port: (await freePorts('ops')).ops } }
    const instance = new Instance({
      config: { ...config, ...settings },
      folder: this.folder,
      name: name ?? 'instance',
      ...(failpoint === undefined ? {} : { environment: { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: failpoint } }),
    })
    this.#instances.push(instance)
    return instance
  }

  /** Remembers which stores the topology has, as the process itself tells. */
  async learnStores(instance: Instance): Promise<void> {
    const { subtopologies } = await instance.ask<{ subtopologies: readonly StoreOwner[] }>('/topology')
    this.#owners = subtopologies
  }

  /** To documents.raw, as a producer of somebody else would. */
  async send(documents: readonly TestDocument[]): Promise<void> {
    const { raw } = topics(this.config.topicPrefix)
    const serde = valueSerde(this.#registry, raw, 'DocumentReceived')
    await serde.open()
    const messages = documents.map(({ tenant, documentId, fileName, contentType, bytes, receivedAt, allowDuplicate }) => ({
      key: documentKey(tenant, documentId),
      timestamp: String(receivedAt),
      value: Buffer.from(
        serde.serialize(raw.name, {
          tenantId: tenant,
          documentId,
          source: 'producer',
          fileName,
          contentType,
          size: bytes.length,
          sha256: sha256(bytes),
          receivedAt,
          traceparent: null,
          content: Buffer.from(bytes),
          reference: null,
          parent: null,
          attributes: allowDuplicate === true ? { duplicate: 'allow' } : {},
        }),
      ),
    }))
    // noted first: a record may have ended before the broker's answer is here
    this.sent.push(...documents)
    for (let size = 0, from = 0, to = 0; from < messages.length; from = to, size = 0) {
      do {
        size += messages[to++]!.value.length
      } while (to < messages.length && size + messages[to]!.value.length < REQUEST_BYTES)
      await this.#producer.send({ topic: raw.name, acks: -1, messages: messages.slice(from, to) })
    }
  }

  /** Anything at all, anywhere. */
  async sendRecord(topic: string, key: string | Buffer | null, value: Buffer | null, headers: { readonly [name: string]: string } = {}): Promise<void> {
    await this.#producer.send({ topic, acks: -1, messages: [{ key, value, headers: { ...headers } }] })
  }

  /** Waits for as long as something moves. @throws Error when nothing has for two minutes */
  async progress(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    let last = -1
    let movedAt = Date.now()
    let saidAt = Date.now()
    while (!(await holds())) {
      const moved = this.#events + this.#ended.size
      if (moved !== last) {
        last = moved
        movedAt = Date.now()
      }
      if (Date.now() - movedAt > STALLED_MS) {
        throw new Error(`Nothing moved for ${STALLED_MS / 1000} s, still waiting: ${what}\n${this.#instances.at(-1)?.tail() ?? ''}`)
      }
      if (Date.now() - saidAt > 15_000) {
        saidAt = Date.now()
        say(`waiting: ${what}; ${this.#events} events, ${this.#ended.size} of ${this.sent.length} documents ended`)
      }
      await pause(POLL_MS)
    }
  }

  async allEnded(): Promise<void> {
    await this.progress('every document ends', () => this.pending === 0)
  }

  /** Topics, stores and databases, once both databases hold what the topics do. No process may use the state directory. */
  async outcome(stateDir = this.config.stateDir): Promise<Outcome> {
    return new Map([...(await storeOutcome(stateDir, this.#owners)), ...(await this.visibleOutcome())])
  }

  /** Topics and databases: what can be seen while processes run. */
  async visibleOutcome(): Promise<Outcome> {
    const { outcome: ofTopics, revisions } = await topicOutcome(this.#cluster, this.#registry, this.environment)
    const events = [...ofTopics].filter(([at]) => at.startsWith('topic/lifecycle ')).reduce((sum, [, list]) => sum + list.length, 0)
    const deadline = Date.now() + STALLED_MS
    for (;;) {
      // a server that was just restarted may refuse the first connection
      const held = await databaseOutcome(this.environment).catch((error: unknown) => (Date.now() > deadline ? Promise.reject(error) : undefined))
      const complete = held !== undefined && held.lifecycleRows >= events && Object.values(held.revisions).every((store) => [...revisions].every(([key, revision]) => (store.get(key) ?? 0) >= revision))
      if (held !== undefined && (complete || Date.now() > deadline)) {
        return new Map([...ofTopics, ...held.outcome, ...agreement(held.revisions)])
      }
      await pause(POLL_MS * 4)
    }
  }

  /** Logs of every process that ran here, and of the Connect worker. */
  logs(): string[] {
    return [...new Set(this.#instances.map(({ log }) => log)), join(this.environment.addresses.folder, 'logs', 'connect.log')]
  }

  /**
   * Whose entries an outcome may hold by now: documents by their key, or as the last part of what they are looked up by, first-seen contents by theirs.
   * The keys of invoices are always among them: the first of each kind, which all others are copies of, ends before anything is disturbed.
   */
  owners(documents: readonly TestDocument[] = this.sent): (owner: string) => boolean {
    const known = new Set(documents.flatMap(({ tenant, documentId, bytes }) => [documentKey(tenant, documentId), contentKey(tenant, sha256(bytes))]))
    return (owner) => {
      const [tenant = '', kind, documentId] = owner.split('|')
      return known.has(owner) || (documentId !== undefined && (kind === 'invoice' || known.has(documentKey(tenant, documentId))))
    }
  }

  async close(): Promise<void> {
    const { addresses, connectors, cluster } = this.environment
    await Promise.all(this.#instances.filter((instance) => !instance.ended).map((instance) => instance.kill()))
    await this.#supervisor.stop()
    const rest = new ConnectRest(connectors.connect.url)
    await Promise.all(Object.keys(CONNECTORS).map((name) => rest.remove(connectorName(connectors, name as keyof typeof CONNECTORS))))
    await Promise.all(this.#followers.map((follower) => follower.close()))
    const all = await this.#admin.listTopics()
    await this.#admin.deleteTopics({ timeout: SERVER_TIMEOUT_MS, topics: all.filter((topic) => topic.startsWith(this.config.topicPrefix)) })
    await Promise.all([this.#producer.disconnect(), this.#admin.disconnect(), this.#cluster.close(), cluster.close()])
    this.#registry.close()
    // a sink that ends may connect once more in between
    await eventually('the database is gone', async () => {
      await administer(addresses, `DROP DATABASE IF EXISTS ${connectors.postgresql.database} WITH (FORCE)`)
      return true
    })
    const { contactPoints, datacenter, keyspace } = connectors.cassandra
    const client = cassandraClient({ contactPoints, datacenter, keyspace })
    await eventually('the keyspace is gone', async () => await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`))
    await client.shutdown()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The revision is a clock and not compared between runs; within one, both databases must have the same. */
function agreement({ postgresql, cassandra: archive }: { readonly postgresql: ReadonlyMap<string, number>; readonly cassandra: ReadonlyMap<string, number> }): Outcome {
  return new Map([...postgresql].map(([key, revision]) => [`databases/revision ${key}`, [revision === archive.get(key) ? 'the same in both' : 'different']]))
}

async function administer({ postgresql }: StackAddresses, statement: string): Promise<void> {
  const client = new pg.Client(postgresql)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

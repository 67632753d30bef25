/** Kafka brokers of a test's own, made of the stack's components: for what the shared one must not be put through. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder } from '../../stack/cache.ts'
import { bringComponents, classPath } from '../../stack/components.ts'
import { readLock } from '../../stack/lock.ts'
import { choosePorts } from '../../stack/ports.ts'
import { Gate } from './gate.ts'

const HOST = '127.0.0.1'
const CLUSTER_ID = 'dHdvLWJyb2tlcnMtdGVzdA'

export interface BrokersOptions {
  /** Security protocol of the listener for clients; brokers talk to each other in plain text. Default: PLAINTEXT. */
  readonly protocol?: 'PLAINTEXT' | 'SASL_SSL' | 'SSL'
  /** Further lines of server.properties. */
  readonly settings?: string
  /** SCRAM users, as `kafka-storage format --add-scram` takes them. */
  readonly scram?: readonly string[]
  /** Clients come to the second through `clients`: one that is gone does not refuse their connections then, it closes them. Default: directly. */
  readonly gated?: boolean
  /** Which of the lock's brokers. Default: the stack's own. */
  readonly release?: 'kafka' | 'kafka-3'
}

/** One or two brokers; the first is the controller. What the first sends to the second goes through a gate, what clients send to it through another if that is asked for. */
export class Brokers {
  readonly gate: Gate
  /** Of clients to the second broker. */
  readonly clients: Gate
  readonly #options: BrokersOptions
  readonly #folder: string
  readonly #ports: Readonly<Record<string, number>>
  readonly #java: string
  readonly #classes: string
  readonly #processes = new Map<1 | 2, ChildProcess>()

  private constructor(options: BrokersOptions, folder: string, ports: Readonly<Record<string, number>>, java: string, classes: string) {
    this.#options = options
    this.#folder = folder
    this.#ports = ports
    this.#java = java
    this.#classes = classes
    this.gate = new Gate(ports['internal2']!)
    this.clients = new Gate(ports['client2']!)
  }

  /** Starts the first; every topic lands on it until the second is started. */
  static async start(options: BrokersOptions = {}): Promise<Brokers> {
    const { release = 'kafka' } = options
    const installed = await bringComponents(readLock(), () => undefined, cacheFolder(), [release])
    const folder = await mkdtemp(join(tmpdir(), 'millrace-brokers-'))
    const ports = await choosePorts({ controller: 0, client1: 0, internal1: 0, client2: 0, internal2: 0, gate: 0, clients: 0 }, {})
    const brokers = new Brokers(options, folder, ports, join(installed.jre, 'bin', 'java'), await classPath(join(installed[release], 'libs')))
    await Promise.all([brokers.gate.listen(ports['gate']!), brokers.clients.listen(ports['clients']!)])
    await brokers.startBroker(1)
    return brokers
  }

  /** host:port for clients. It may not listen yet. */
  address(id: 1 | 2): string {
    return `${HOST}:${this.#at(id === 2 && this.#options.gated === true ? 'clients' : `client${id}`)}`
  }

  /** host:port of the first for who goes the way of the brokers, not through the clients' gate. In plain text. */
  get insideAddress(): string {
    return `${HOST}:${this.#at('internal1')}`
  }

  /** A tool of Java's runtime beside the brokers, `keytool` for one. */
  static async javaTool(name: string): Promise<string> {
    return join((await bringComponents(readLock(), () => undefined)).jre, 'bin', name)
  }

  async startBroker(id: 1 | 2): Promise<void> {
    const settings = join(this.#folder, `broker-${id}.properties`)
    const log4j = join(this.#folder, 'log4j2.properties')
    await writeFile(settings, this.#properties(id))
    await writeFile(log4j, 'status=WARN\nappender.c.type=Console\nappender.c.name=C\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=[%d] %p %m (%c)%n\nrootLogger.level=WARN\nrootLogger.appenderRef.c.ref=C\n')
    const flags = ['-Xshare:auto', '-Xmx256m', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=file:${log4j}`, `-Dkafka.logs.dir=${this.#folder}`, '-cp', this.#classes]
    const output = openSync(join(this.#folder, `broker-${id}.log`), 'a')
    try {
      const users = (this.#options.scram ?? []).flatMap((user) => ['--add-scram', user])
      const format = this.#processes.has(id) ? undefined : spawn(this.#java, [...flags, 'kafka.tools.StorageTool', 'format', id === 1 ? '--standalone' : '--no-initial-controllers', '-t', CLUSTER_ID, '-c', settings, '--ignore-formatted', ...users], { stdio: ['ignore', output, output] })
      const [code] = format === undefined ? [0] : await once(format, 'exit')
      if (code !== 0) {
        throw new Error(`formatting broker ${id} ended with ${code}: see ${this.#folder}/broker-${id}.log`)
      }
      this.#processes.set(id, spawn(this.#java, [...flags, 'kafka.Kafka', settings], { stdio: ['ignore', output, output] }))
    } finally {
      closeSync(output)
    }
  }

  async killBroker(id: 1 | 2): Promise<void> {
    const process = this.#processes.get(id)
    if (process !== undefined && process.exitCode === null && process.signalCode === null) {
      process.kill('SIGKILL')
      await once(process, 'exit')
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.killBroker(1), this.killBroker(2)])
    await Promise.all([this.gate.end(), this.clients.end()])
    await rm(this.#folder, { recursive: true, force: true })
  }

  #at(name: string): number {
    return this.#ports[name]!
  }

  #properties(id: 1 | 2): string {
    const controller = `${HOST}:${this.#at('controller')}`
    return `process.roles=${id === 1 ? 'broker,controller' : 'broker'}
node.id=${id}
controller.quorum.bootstrap.servers=${controller}
listeners=CLIENT://${HOST}:${this.#at(`client${id}`)},INTERNAL://${HOST}:${this.#at(`internal${id}`)}${id === 1 ? `,CONTROLLER://${controller}` : ''}
advertised.listeners=CLIENT://${this.address(id)},INTERNAL://${HOST}:${this.#at(id === 1 ? 'internal1' : 'gate')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,CLIENT:${this.#options.protocol ?? 'PLAINTEXT'}
log.dirs=${join(this.#folder, `broker-${id}`)}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
${this.#options.settings ?? ''}
`
  }
}

/**
 * Two Kafka brokers of a test's own, from the stack's components. What the first sends to the second goes through a
 * gate: closed, requests between brokers (markers of transactions) wait, while clients of both notice nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bringComponents, classPath } from '../../stack/components.ts'
import { readLock } from '../../stack/lock.ts'
import { choosePorts } from '../../stack/ports.ts'

const HOST = '127.0.0.1'
const CLUSTER_ID = 'dHdvLWJyb2tlcnMtdGVzdA'

export class Gate {
  readonly #server: Server
  readonly #inward = new Set<Socket>()
  #closed = false

  constructor(target: number) {
    this.#server = createServer((inward) => {
      const outward = connect(target, HOST)
      this.#inward.add(inward)
      inward.pipe(outward)
      outward.pipe(inward)
      if (this.#closed) {
        inward.unpipe(outward)
        inward.pause()
      }
      inward.on('close', () => {
        this.#inward.delete(inward)
        outward.destroy()
      })
      outward.on('close', () => inward.destroy())
      outward.on('error', () => inward.destroy())
      inward.on('error', () => outward.destroy())
      this.#outward.set(inward, outward)
    })
  }

  readonly #outward = new WeakMap<Socket, Socket>()

  async listen(port: number): Promise<void> {
    this.#server.listen(port, HOST)
    await once(this.#server, 'listening')
  }

  /** What comes from now on waits; nothing is lost, no connection breaks. */
  close(): void {
    this.#closed = true
    for (const inward of this.#inward) {
      inward.unpipe()
      inward.pause()
    }
  }

  open(): void {
    this.#closed = false
    for (const inward of this.#inward) {
      inward.pipe(this.#outward.get(inward)!)
    }
  }

  async end(): Promise<void> {
    for (const inward of this.#inward) {
      inward.destroy()
    }
    this.#server.close()
    await once(this.#server, 'close')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }
}

export interface TwoBrokers {
  /** host:port of the first: controller, coordinators. */
  readonly first: string
  readonly second: string
  /** Between the first and the second. */
  readonly gate: Gate
  /** Starts the second; before, every topic lands on the first. */
  startSecond(): Promise<void>
  stop(): Promise<void>
}

export async function twoBrokers(say: (line: string) => void): Promise<TwoBrokers> {
  const installed = await bringComponents(readLock(), say)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-brokers-'))
  const ports = await choosePorts({ controller: 0, client1: 0, internal1: 0, client2: 0, internal2: 0, gate: 0 }, {})
  const at = (name: string): number => ports[name]!
  const java = join(installed.jre, 'bin', 'java')
  const classes = await classPath(join(installed.kafka, 'libs'))
  const processes: ChildProcess[] = []
  const gate = new Gate(at('internal2'))
  await gate.listen(at('gate'))

  const broker = async (id: 1 | 2): Promise<void> => {
    const home = join(folder, `broker-${id}`)
    const settings = join(folder, `broker-${id}.properties`)
    await writeFile(settings, `process.roles=${id === 1 ? 'broker,controller' : 'broker'}
node.id=${id}
controller.quorum.bootstrap.servers=${HOST}:${at('controller')}
listeners=PLAINTEXT://${HOST}:${at(`client${id}`)},INTERNAL://${HOST}:${at(`internal${id}`)}${id === 1 ? `,CONTROLLER://${HOST}:${at('controller')}` : ''}
advertised.listeners=PLAINTEXT://${HOST}:${at(`client${id}`)},INTERNAL://${HOST}:${id === 1 ? at('internal1') : at('gate')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT
log.dirs=${home}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`)
    const log4j = join(folder, 'log4j2.properties')
    await writeFile(log4j, 'status=WARN\nappender.c.type=Console\nappender.c.name=C\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=[%d] %p %m (%c)%n\nrootLogger.level=WARN\nrootLogger.appenderRef.c.ref=C\n')
    const flags = ['-Xshare:auto', '-Xmx256m', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=file:${log4j}`, `-Dkafka.logs.dir=${home}-logs`, '-cp', classes]
    const output = openSync(join(folder, `broker-${id}.log`), 'a')
    const format = spawn(java, [...flags, 'kafka.tools.StorageTool', 'format', id === 1 ? '--standalone' : '--no-initial-controllers', '-t', CLUSTER_ID, '-c', settings], { stdio: ['ignore', output, output] })
    const [code] = await once(format, 'exit')
    if (code !== 0) {
      throw new Error(`formatting broker ${id} ended with ${code}: ${folder}/broker-${id}.log`)
    }
    processes.push(spawn(java, [...flags, 'kafka.Kafka', settings], { stdio: ['ignore', output, output] }))
  }

  await broker(1)
  return {
    first: `${HOST}:${at('client1')}`,
    second: `${HOST}:${at('client2')}`,
    gate,
    startSecond: () => broker(2),
    async stop() {
      gate.open()
      await Promise.all(processes.map(async (process) => {
        if (process.exitCode === null && process.signalCode === null) {
          process.kill('SIGKILL')
          await once(process, 'exit')
        }
      }))
      await gate.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What an application needs to answer queries and to ask them, put together. */
import type { Socket } from 'node:net'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import type { Peers } from '../membership/peers.ts'
import { openSerdes } from '../runtime/open-serdes.ts'
import type { ThreadHost } from '../runtime/thread-host.ts'
import { answerPeer } from './channel.ts'
import { GroupMetadata } from './group-metadata.ts'
import type { PageAnswer, PageRequest } from './page.ts'
import { PeerChannels } from './peer-channels.ts'
import { StoreQueries } from './store-queries.ts'

/** The parts of a running application. */
export interface RunningParts {
  readonly topology: Topology
  readonly cluster: KafkaCluster
  readonly peers: Peers
  readonly processId: string
}

export interface AppQueriesOptions {
  readonly applicationId: string
  /** Throws `NOT_RUNNING`. */
  readonly running: () => RunningParts
  readonly hosts: () => readonly ThreadHost[]
}

export class AppQueries {
  readonly stores: StoreQueries
  readonly #options: AppQueriesOptions
  readonly #channels: PeerChannels
  #ready: Promise<void> | undefined
  /** Which thread had a partition of a store last. */
  readonly #last = new Map<string, number>()

  constructor(options: AppQueriesOptions) {
    this.#options = options
    const { running, applicationId } = options
    this.#channels = new PeerChannels((processId, endpoint) => running().peers.call(processId, endpoint))
    this.stores = new StoreQueries({
      processId: () => running().processId,
      topology: () => running().topology,
      ready: () => this.#open(),
      partitions: (topics) => partitionCount(running().cluster, topics),
      metadata: new GroupMetadata({ topology: () => running().topology, describe: () => running().cluster.admin().describeGroup(applicationId) }),
      ask: (request) => this.#ask(request),
      call: (owner, request) => this.#channels.ask(owner, request),
    })
  }

  /** Another instance came to ask. */
  answer(socket: Socket): void {
    answerPeer(socket, async (request) => {
      const answers = await this.#ask(request)
      return answers.find(({ kind }) => kind === 'page') ?? answers.find(({ kind }) => kind === 'failure') ?? { kind: 'absent' }
    })
  }

  close(): void {
    this.#channels.close()
  }

  async #open(): Promise<void> {
    const { topology } = this.#options.running()
    this.#ready ??= openSerdes(topology)
    await this.#ready
  }

  /** The thread that had it last first; if it has it no more, all of them. */
  async #ask(request: PageRequest): Promise<readonly PageAnswer[]> {
    const key = `${request.partition} ${request.store}`
    const hosts = this.#options.hosts()
    const last = hosts.find(({ thread }) => thread === this.#last.get(key))
    const answer = last === undefined ? undefined : await last.query(request)
    if (answer?.kind === 'page') {
      return [answer]
    }
    const answers = await Promise.all(hosts.map(async (host) => ({ host, answer: host === last ? answer : await host.query(request) })))
    const found = answers.find((each) => each.answer?.kind === 'page')
    if (found !== undefined) {
      this.#last.set(key, found.host.thread)
    }
    return answers.map((each) => each.answer ?? { kind: 'failure', code: 'TIMEOUT', message: `Stream thread ${each.host.thread} did not answer in time: it is in a long call, or it is stopping.` })
  }
}

async function partitionCount(cluster: KafkaCluster, topics: readonly string[]): Promise<number> {
  const metadata = await cluster.metadata(topics)
  const counts = topics.map((topic) => metadata.get(topic)?.partitions.length ?? 0)
  const most = Math.max(0, ...counts)
  if (most === 0) {
    throw new StreamsError('QUERY_REBALANCING', `The topics that feed the store are not known yet: ${topics.join(', ')}.`)
  }
  return most
}

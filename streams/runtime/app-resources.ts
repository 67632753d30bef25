/** What an application holds beside its threads, from its start to its end: its part of the disk, brokers and the other instances. */
import type { Socket } from 'node:net'
import { StateDirectory } from 'millrace-state-stores'
import { createCluster } from '../kafka/cluster.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { Peers } from '../membership/peers.ts'
import type { RuntimeConfig } from './config.ts'
import { endIncarnations, evictMembers } from './dead-members.ts'
import { type TokenSource, withTokens } from './sasl-config.ts'
import { StateCleaner } from './state-cleaner.ts'

export interface ResourcesOptions {
  readonly config: RuntimeConfig
  /** Undefined: other credentials. */
  readonly tokens: TokenSource | undefined
  /** Tasks and copies of all threads; undefined when one has not answered. */
  inUse(): Promise<ReadonlySet<string> | undefined>
  /** Somebody was just taken out of the group. */
  onDeparted(): void
  /** Another instance connects, to ask stores. */
  onAsker(socket: Socket): void
  /** Begins with the application's id. */
  onWarning(message: string): void
}

export class AppResources {
  readonly #options: ResourcesOptions
  readonly directory: StateDirectory
  readonly cluster: KafkaCluster
  readonly cleaner: StateCleaner
  #peers: Peers | undefined

  private constructor(options: ResourcesOptions, directory: StateDirectory) {
    const { config, tokens, inUse, onWarning } = options
    this.#options = options
    this.directory = directory
    this.cluster = createCluster({ ...withTokens(config.client, tokens), clientId: `${config.applicationId}-supervisor`, onWarning })
    this.cleaner = new StateCleaner({ folder: directory, delayMs: config.stateCleanupDelayMs, inUse, onWarning })
  }

  /** Locks the state directory: `STATE_DIRECTORY_LOCKED`. */
  static async open(options: ResourcesOptions): Promise<AppResources> {
    return new AppResources(options, await StateDirectory.open(options.config.stateDir))
  }

  /** Once `begin` has resolved. */
  get peers(): Peers | undefined {
    return this.#peers
  }

  /** Ends what earlier incarnations of this directory left open, then listens for the others. */
  async begin(): Promise<void> {
    await this.endIncarnations(() => true)
    this.#peers = await this.#openPeers()
  }

  endIncarnations(which: (transactionalId: string) => boolean): Promise<void> {
    return endIncarnations(this.cluster, this.directory, this.#options.config, which)
  }

  #openPeers(): Promise<Peers> {
    const { config, onDeparted, onAsker, onWarning } = this.#options
    const { applicationId, peers } = config
    return Peers.open({
      application: applicationId,
      processId: this.directory.processId,
      config: peers,
      // The others hear of it with their next heartbeat, our own threads now.
      evict: (memberIds, transactionalIds) => evictMembers(this.cluster, applicationId, memberIds, transactionalIds, onDeparted),
      onDeparted,
      onWarning,
      onAsker,
    })
  }

  async close(): Promise<void> {
    await this.cleaner.stop()
    await this.#peers?.close()
    await this.cluster.close()
    await this.directory.close()
  }
}

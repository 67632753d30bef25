/** The replaying group: one member at a time, whose generation fences every transaction of a replay. */
import { StreamsError } from '../errors.ts'
import type { GroupClient, GroupIdentity, JoinRequest, JoinResponse, KafkaCluster } from '../kafka/contract.ts'
import { KafkaError } from '../kafka/kafka-error.ts'

const MEMBER_ID_REQUIRED = 79
/** A replay that dies makes room for the next one after this. */
const SESSION_MS = 10_000
const HEARTBEAT_MS = 2_000

export class ReplayGroup {
  readonly #client: GroupClient
  readonly #identity: GroupIdentity
  readonly #heartbeat: NodeJS.Timeout
  #failure: unknown

  /** `REPLAY_REFUSED` if another replay is under way. */
  static async join(cluster: KafkaCluster, groupId: string, topic: string): Promise<ReplayGroup> {
    const client = cluster.group()
    const { members } = await cluster.admin().describeGroup(groupId)
    if (members.length > 0) {
      throw busy(groupId)
    }
    const { memberId, generationId, protocolName, members: joined } = await join(client, groupId, topic)
    if (joined.length !== 1) {
      await client.leave(groupId, [memberId])
      throw busy(groupId)
    }
    const identity = { groupId, memberId, generationId }
    await client.sync(identity, protocolName, [{ memberId, assignment: new Uint8Array(0) }])
    return new ReplayGroup(client, identity)
  }

  private constructor(client: GroupClient, identity: GroupIdentity) {
    this.#client = client
    this.#identity = identity
    this.#heartbeat = setInterval(() => {
      client.heartbeat(identity).catch((error: unknown) => {
        if (error instanceof KafkaError && error.kind === 'membership') {
          this.#failure = error
        }
      })
    }, HEARTBEAT_MS)
  }

  /** Who commits. Throws `REPLAY_REFUSED` once somebody else has joined: let the other one go on. */
  identity(): GroupIdentity {
    if (this.#failure !== undefined) {
      throw busy(this.#identity.groupId, this.#failure)
    }
    return this.#identity
  }

  async leave(): Promise<void> {
    clearInterval(this.#heartbeat)
    await this.#client.leave(this.#identity.groupId, [this.#identity.memberId]).catch(() => {})
  }
}

async function join(client: GroupClient, groupId: string, topic: string): Promise<JoinResponse> {
  const request: JoinRequest = {
    groupId,
    memberId: '',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: SESSION_MS,
    protocolType: 'consumer',
    protocols: [{ name: 'millrace-replay', metadata: subscription(topic) }],
    reason: 'millrace dead-letters replay',
  }
  try {
    return await client.join(request)
  } catch (error) {
    if (error instanceof KafkaError && error.brokerCode === MEMBER_ID_REQUIRED && error.memberId !== undefined) {
      return client.join({ ...request, memberId: error.memberId })
    }
    throw error
  }
}

/** Kafka's consumer protocol, version 1: the broker keeps the offsets of subscribed topics, and its tools show them. */
function subscription(topic: string): Uint8Array {
  const name = Buffer.from(topic)
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4 + 4)
  let at = bytes.writeInt16BE(1, 0)
  at = bytes.writeInt32BE(1, at)
  at = bytes.writeInt16BE(name.length, at)
  at += name.copy(bytes, at)
  at = bytes.writeInt32BE(-1, at)
  bytes.writeInt32BE(0, at)
  return bytes
}

function busy(groupId: string, cause?: unknown): StreamsError {
  return new StreamsError('REPLAY_REFUSED', `Another replay is under way (group ${groupId}): wait until it has ended; one that died is gone after ${SESSION_MS / 1000} s.`, { cause })
}

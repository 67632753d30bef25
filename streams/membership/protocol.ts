/**
 * Bytes of the subscription and the assignment: Kafka's consumer protocol (so that the broker sees the subscribed
 * topics and keeps their offsets, rule A9, and `kafka-consumer-groups` shows the partitions), with our own user data in it.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { StreamsError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { Claim, LocalCopy, MemberAssignment, PeerProcess, Subscription, SubtopologyDescription, TaskVersion } from './types.ts'

/** Raised when a member could misread what an older one writes; readers refuse versions above theirs. */
export const USER_DATA_VERSION = 1

export const PROTOCOL_NAME = 'millrace'

interface SubscriptionJson {
  readonly p: string
  readonly t: number
  readonly s: readonly [name: string, fingerprint: string, inputs: readonly [string, number][], changelogs: readonly string[], tasks: number, weight: number][]
  /** [index into s, partition, generation, size]; a version its member no longer has is named in full. */
  readonly o: readonly [subtopology: number | readonly [string, string], partition: number, generation: number, log2Size?: number][]
  /** [index into s, partition] */
  readonly r: readonly [subtopology: number | readonly [string, string], partition: number][]
  readonly c: readonly (readonly [name: string, partition: number, log2Lag: number, open?: 0 | 1, log2Size?: number])[]
  readonly e?: EndpointJson
  /** Transactional id. */
  readonly x?: string
  /** 1: it feeds copies. */
  readonly f?: number
  readonly g?: { readonly [tag: string]: string }
  /** 1: it is leaving. */
  readonly l?: number
  /** The application is to stop: code of an error. */
  readonly z?: string
}

type EndpointJson = readonly [host: string, port: number, machine?: string]

type TasksJson = readonly (readonly [name: string, fingerprint: string, partitions: readonly number[]])[]

interface AssignmentJson {
  readonly a: TasksJson
  /** Standbys. */
  readonly s?: TasksJson
  /** Warm-ups. */
  readonly u?: TasksJson
  /** Processes to watch. */
  readonly w?: readonly (readonly [processId: string, endpoint: EndpointJson, members: readonly (readonly [memberId: string, transactionalId: string])[]])[]
  /** Tasks of a leaving member that it is to keep until others are ready. */
  readonly k?: number
  /** 1: another round follows. */
  readonly n?: number
  /** The application is to stop: code of an error. */
  readonly z?: string
}

class ByteWriter {
  #parts: Buffer[] = []

  int16(value: number): this {
    const bytes = Buffer.allocUnsafe(2)
    bytes.writeInt16BE(value)
    this.#parts.push(bytes)
    return this
  }

  int32(value: number): this {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    this.#parts.push(bytes)
    return this
  }

  string(value: string): this {
    const bytes = Buffer.from(value)
    this.int16(bytes.length)
    this.#parts.push(bytes)
    return this
  }

  bytes(value: Uint8Array): this {
    this.int32(value.length)
    this.#parts.push(Buffer.from(value))
    return this
  }

  done(): Uint8Array {
    return Buffer.concat(this.#parts)
  }
}

class ByteReader {
  #bytes: Buffer
  #at = 0
  #what: string

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
  }

  #take(length: number): number {
    if (length < 0 || this.#at + length > this.#bytes.length) {
      throw new StreamsError('RESPONSE_INVALID', `${this.#what} is truncated at byte ${this.#at}; another client may be in this group.`)
    }
    const at = this.#at
    this.#at += length
    return at
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  string(): string {
    const length = this.int16()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  bytes(): Uint8Array {
    const length = this.int32()
    if (length < 0) {
      return Buffer.alloc(0)
    }
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }
}

function pack(json: SubscriptionJson | AssignmentJson): Uint8Array {
  return Buffer.concat([Buffer.of(USER_DATA_VERSION), deflateRawSync(JSON.stringify(json))])
}

function unpack(bytes: Uint8Array, what: string): unknown {
  const version = bytes[0]
  if (version === undefined || version > USER_DATA_VERSION) {
    throw new StreamsError(
      'RESPONSE_INVALID',
      `${what} has format version ${version ?? 'none'}, this build reads up to ${USER_DATA_VERSION}: another client uses this application id, or a newer build must be rolled back first.`,
    )
  }
  try {
    // 4 MiB: what a broker would ever store for one member; prevents that a hostile member's data fills the memory.
    return JSON.parse(inflateRawSync(bytes.subarray(1), { maxOutputLength: 4 << 20 }).toString())
  } catch (cause) {
    throw new StreamsError('RESPONSE_INVALID', `${what} cannot be read.`, { cause })
  }
}

/** Subscription v1 of the consumer protocol. `topics`: every source and repartition topic of the topology. */
export function encodeSubscription(subscription: Subscription, topics: readonly string[]): Uint8Array {
  const index = new Map(subscription.subtopologies.map((s, i) => [`${s.name}@${s.fingerprint}`, i]))
  const which = (task: TaskVersion) => index.get(`${task.subtopology}@${task.fingerprint}`) ?? ([task.subtopology, task.fingerprint] as const)
  const json: SubscriptionJson = {
    p: subscription.processId,
    t: subscription.thread,
    s: subscription.subtopologies.map((s) => [s.name, s.fingerprint, s.inputs.map((i) => [i.topic, i.partitions]), s.changelogs, s.tasks, s.weight]),
    o: subscription.owned.map((c) => (c.size === undefined ? [which(c), c.partition, c.generation] : [which(c), c.partition, c.generation, log2(c.size)])),
    r: subscription.released.map((c) => [which(c), c.partition]),
    c: subscription.copies.map((c) => [c.subtopology, c.partition, log2(c.lag), c.open ? 1 : 0, ...(c.size === undefined ? ([] as const) : ([log2(c.size)] as const))] as const),
    ...(subscription.endpoint === undefined ? {} : { e: endpointJson(subscription.endpoint) }),
    ...(subscription.transactionalId === undefined ? {} : { x: subscription.transactionalId }),
    ...(subscription.feeds === true ? { f: 1 } : {}),
    ...(subscription.tags === undefined ? {} : { g: subscription.tags }),
    ...(subscription.leaving === true ? { l: 1 } : {}),
    ...(subscription.stop === undefined ? {} : { z: subscription.stop }),
  }
  const writer = new ByteWriter().int16(1).int32(topics.length)
  for (const topic of topics) {
    writer.string(topic)
  }
  return writer.bytes(pack(json)).int32(0).done()
}

/** Reads what `encodeSubscription` wrote. Throws `RESPONSE_INVALID`. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  return shaped("A member's subscription", () => subscriptionOf(bytes))
}

/** JSON of another shape than ours is an answer that cannot be read, not a fault of the leader's. */
function shaped<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw cause instanceof StreamsError ? cause : new StreamsError('RESPONSE_INVALID', `${what} cannot be read.`, { cause })
  }
}

function subscriptionOf(bytes: Uint8Array): Subscription {
  const reader = new ByteReader(bytes, "A member's subscription")
  reader.int16()
  for (let left = reader.int32(); left > 0; left--) {
    reader.string()
  }
  const json = unpack(reader.bytes(), "A member's subscription") as SubscriptionJson
  const subtopologies: SubtopologyDescription[] = json.s.map(([name, fingerprint, inputs, changelogs, tasks, weight]) => ({
    name,
    fingerprint,
    inputs: inputs.map(([topic, partitions]) => ({ topic, partitions })),
    changelogs,
    tasks,
    weight,
  }))
  const task = (which: number | readonly [string, string], partition: number): TaskVersion => {
    const [subtopology, fingerprint] = typeof which === 'number' ? [subtopologies[which]!.name, subtopologies[which]!.fingerprint] : which
    return { subtopology, fingerprint, partition }
  }
  const owned: Claim[] = json.o.map(([which, partition, generation, size]) => ({ ...task(which, partition), generation, ...(size === undefined ? {} : { size: power(size) }) }))
  const released = json.r.map(([which, partition]) => task(which, partition))
  const copies: LocalCopy[] = json.c.map(([subtopology, partition, lag, open, size]) => ({
    subtopology,
    partition,
    lag: power(lag),
    open: open === 1,
    ...(size === undefined ? {} : { size: power(size) }),
  }))
  return {
    processId: json.p,
    thread: json.t,
    subtopologies,
    owned,
    released,
    copies,
    ...(json.e === undefined ? {} : { endpoint: endpointOf(json.e) }),
    ...(json.x === undefined ? {} : { transactionalId: json.x }),
    ...(json.f === 1 ? { feeds: true } : {}),
    ...(json.g === undefined ? {} : { tags: json.g }),
    ...(json.l === 1 ? { leaving: true } : {}),
    ...stopOf(json),
  }
}

/** It ends up in messages of other processes: only what looks like a code. */
function stopOf({ z }: { readonly z?: unknown }): { readonly stop?: string } {
  return z === undefined ? {} : { stop: typeof z === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(z) ? z : 'UNKNOWN' }
}

/** Counts travel as powers of two, rounded up (rule C6): 0 is -1. */
function log2(count: number): number {
  return count <= 0 ? -1 : Math.ceil(Math.log2(count))
}

function power(exponent: number): number {
  return exponent < 0 ? 0 : 2 ** exponent
}

/** A count as the others will read it. */
export function asTold(count: number): number {
  return power(log2(count))
}

function endpointJson({ host, port, machine }: Endpoint): EndpointJson {
  return machine === undefined ? [host, port] : [host, port, machine]
}

function endpointOf([host, port, machine]: EndpointJson): Endpoint {
  return machine === undefined ? { host, port } : { host, port, machine }
}

/** Assignment v1 of the consumer protocol; the partitions are for other tools' eyes, the user data decides. */
export function encodeAssignment(assignment: MemberAssignment, descriptions: ReadonlyMap<string, SubtopologyDescription>): Uint8Array {
  const partitions = new Map<string, number[]>()
  for (const task of assignment.tasks) {
    const version = `${task.subtopology}@${task.fingerprint}`
    for (const input of descriptions.get(version)?.inputs ?? []) {
      if (task.partition < input.partitions) {
        const list = partitions.get(input.topic) ?? []
        list.push(task.partition)
        partitions.set(input.topic, list)
      }
    }
  }
  const writer = new ByteWriter().int16(1).int32(partitions.size)
  for (const [topic, list] of partitions) {
    writer.string(topic).int32(list.length)
    for (const partition of list) {
      writer.int32(partition)
    }
  }
  const watch = assignment.watch?.map(({ processId, endpoint, members }) => [processId, endpointJson(endpoint), members.map((m) => [m.memberId, m.transactionalId] as const)] as const)
  const json: AssignmentJson = {
    a: tasksJson(assignment.tasks),
    ...(assignment.standbys?.length ? { s: tasksJson(assignment.standbys) } : {}),
    ...(assignment.warmups?.length ? { u: tasksJson(assignment.warmups) } : {}),
    ...(watch === undefined ? {} : { w: watch }),
    ...(assignment.awaited === undefined ? {} : { k: assignment.awaited }),
    ...(assignment.follows === true ? { n: 1 } : {}),
    ...(assignment.stop === undefined ? {} : { z: assignment.stop }),
  }
  return writer.bytes(pack(json)).done()
}

function tasksJson(list: readonly TaskVersion[]): TasksJson {
  const tasks = new Map<string, [string, string, number[]]>()
  for (const task of list) {
    const version = `${task.subtopology}@${task.fingerprint}`
    const entry = tasks.get(version) ?? [task.subtopology, task.fingerprint, []]
    entry[2].push(task.partition)
    tasks.set(version, entry)
  }
  return [...tasks.values()]
}

function tasksOf(json: TasksJson): TaskVersion[] {
  return json.flatMap(([subtopology, fingerprint, partitions]) => partitions.map((partition) => ({ subtopology, fingerprint, partition })))
}

/** Reads what `encodeAssignment` wrote; no bytes at all are an empty assignment. Throws `RESPONSE_INVALID`. */
export function decodeAssignment(bytes: Uint8Array): MemberAssignment {
  return bytes.length === 0 ? { tasks: [] } : shaped('The assignment', () => assignmentOf(bytes))
}

function assignmentOf(bytes: Uint8Array): MemberAssignment {
  const reader = new ByteReader(bytes, 'The assignment')
  reader.int16()
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.string()
    for (let left = reader.int32(); left > 0; left--) {
      reader.int32()
    }
  }
  const json = unpack(reader.bytes(), 'The assignment') as AssignmentJson
  const watch = json.w?.map(([processId, endpoint, members]): PeerProcess => ({
    processId,
    endpoint: endpointOf(endpoint),
    members: members.map(([memberId, transactionalId]) => ({ memberId, transactionalId })),
  }))
  return {
    tasks: tasksOf(json.a),
    ...(json.s === undefined ? {} : { standbys: tasksOf(json.s) }),
    ...(json.u === undefined ? {} : { warmups: tasksOf(json.u) }),
    ...(watch === undefined ? {} : { watch }),
    ...(json.k === undefined ? {} : { awaited: json.k }),
    ...(json.n === 1 ? { follows: true } : {}),
    ...stopOf(json),
  }
}

import t from 'tap'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import fc from '../../../state-stores/test/seeded.ts'
import { endpointAt } from '../../membership/endpoint.ts'
import type { PeerIdentity } from '../../membership/peer-listener.ts'
import { PeerListener } from '../../membership/peer-listener.ts'
import type { PeerMessage } from '../../membership/peer-protocol.ts'
import { encodeFrame, FrameReader, newNonce, proof, STRANGER_FRAME_BYTES } from '../../membership/peer-protocol.ts'
import type { PeerEvent, PeerState } from '../../membership/peer-state.ts'
import { peerTransition, UNKNOWN_PEER } from '../../membership/peer-state.ts'
import { PeerWatch } from '../../membership/peer-watch.ts'
import { Peers } from '../../membership/peers.ts'
import { watchedBy } from '../../membership/ring.ts'
import type { Member, PeerProcess } from '../../membership/types.ts'
import { OURS, THEIRS } from './certificates.ts'

// The connections hold no process open by themselves.
const alive = setInterval(() => undefined, 1_000)
t.teardown(() => clearInterval(alive))

const SECRET = 'a secret of the application'
const identity = (processId: string, part: Partial<PeerIdentity> = {}): PeerIdentity => ({ application: 'app', processId, secret: SECRET, tls: undefined, ...part })
const listen = (part: Partial<PeerIdentity> = {}) => PeerListener.open({ ...identity('victim', part), incarnation: 'one-life-of-the-victim', host: '127.0.0.1', port: 0 })
const process = (port: number, processId = 'victim'): PeerProcess => ({ processId, endpoint: endpointAt('127.0.0.1', port), members: [{ memberId: 'm1', transactionalId: 'app-victim-0-a' }] })

/** A watch whose states can be awaited. */
class Watched {
  readonly deaths: (readonly string[])[] = []
  readonly states: PeerState['name'][] = []
  readonly watch: PeerWatch
  #waiters: (() => void)[] = []

  constructor(peer: PeerProcess, self: PeerIdentity) {
    this.watch = new PeerWatch(peer, {
      self,
      onDead: (_peer, ids) => this.deaths.push(ids),
      onState: (state) => {
        this.states.push(state.name)
        for (const wake of this.#waiters.splice(0)) {
          wake()
        }
      },
    })
  }

  /** The ids it would end now. */
  async heard(ids: readonly string[]): Promise<void> {
    while (JSON.stringify(this.watch.transactionalIds) !== JSON.stringify(ids)) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async until(name: PeerState['name'], times = 1): Promise<void> {
    while (this.states.filter((state) => state === name).length < times) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
    // What follows the state is done in the same turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The way to a listener: what happens on it is what a watcher sees of a dying process, or of a bad network. */
class Path {
  readonly #server = createServer((socket) => this.#take(socket))
  readonly #sockets = new Set<Socket>()
  readonly #target: number

  static async to(target: number): Promise<Path> {
    const path = new Path(target)
    path.#server.listen(0, '127.0.0.1')
    await once(path.#server, 'listening')
    return path
  }

  private constructor(target: number) {
    this.#target = target
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #take(socket: Socket): void {
    const other = connect(this.#target, '127.0.0.1')
    for (const each of [socket, other]) {
      this.#sockets.add(each)
      each.on('error', () => undefined)
    }
    socket.pipe(other)
    other.pipe(socket)
  }

  /** Connections are reset; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy()
    }
    this.#sockets.clear()
  }

  /** What the kernel does when the process dies: no word, nobody listens any more. */
  end(): void {
    this.#server.close()
    this.cut()
  }
}

// --- the state machine -----------------------------------------------------------------------------------------------

const EVENTS: readonly PeerEvent[] = [{ type: 'due' }, { type: 'connected' }, { type: 'refused' }, { type: 'welcomed', incarnation: 'i' }, { type: 'closed' }, { type: 'goodbye' }]

t.test('property: nobody is evicted without an authenticated connection, closed without goodbye, and a refusal after it; and once', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
      let state: PeerState = UNKNOWN_PEER
      let watched = false
      let lost = false
      let evictions = 0
      for (const event of events) {
        const before = state.name
        const { state: next, actions } = peerTransition(state, event)
        if (actions.some((action) => action.type === 'evict')) {
          evictions++
          if (!watched || !lost || event.type !== 'refused' || before !== 'connecting') {
            throw new Error(`evicted by ${event.type} in ${before}`)
          }
        }
        watched ||= next.name === 'watching'
        lost = next.name === 'watching' ? false : lost || (before === 'watching' && next.name === 'connecting')
        if (before === 'departed' && next.name !== 'departed') {
          throw new Error('somebody who said goodbye is looked for')
        }
        state = next
      }
      if (evictions > 1) {
        throw new Error('evicted twice')
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test('property: bytes of strangers are messages or refused, whatever they are, and hold no memory', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 5 }), (chunks) => {
      const reader = new FrameReader()
      try {
        for (const chunk of chunks) {
          reader.push(Buffer.from(chunk))
        }
      } catch (error) {
        if ((error as { code?: string }).code !== 'PEER_REFUSED') {
          throw error
        }
      }
    }),
  )
  fc.assert(
    fc.property(fc.json(), (json) => {
      const body = Buffer.from(json)
      const frame = Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body])
      try {
        new FrameReader().push(frame)
      } catch (error) {
        if ((error as { code?: string }).code !== 'PEER_REFUSED') {
          throw error
        }
      }
    }),
  )
})

t.test('frames come back however they are cut', async (t) => {
  const messages: PeerMessage[] = [{ type: 'hello', version: 1, application: 'app', from: 'a', to: 'b', nonce: newNonce() }, { type: 'welcome', ids: ['x'] }, { type: 'goodbye' }]
  const bytes = Buffer.concat(messages.map(encodeFrame))
  const reader = new FrameReader()
  const read: PeerMessage[] = []
  for (const byte of bytes) {
    read.push(...reader.push(Buffer.of(byte)))
  }
  t.same(read, messages)
})

// --- the ring ---------------------------------------------------------------------------------------------------------

t.test('every process with an endpoint has three watchers, whatever the size of the group; one without watches only', async (t) => {
  const member = (i: number, endpoint: boolean): Member => ({
    memberId: `m${i}`, processId: `p${String(i).padStart(3, '0')}`, thread: 0, subtopologies: [], owned: [], released: [], copies: [],
    ...(endpoint ? { endpoint: { host: 'h', port: i }, transactionalId: `app-p${i}` } : {}),
  })
  for (const size of [1, 2, 3, 4, 5, 40]) {
    const watched = watchedBy(Array.from({ length: size }, (_, i) => member(i, true)))
    const watchers = new Map<string, number>()
    for (const [lead, list] of watched) {
      const watcher = `p${lead.slice(1).padStart(3, '0')}`
      for (const { processId } of list) {
        if (processId === watcher) {
          t.fail('a process watches itself')
        }
        watchers.set(processId, (watchers.get(processId) ?? 0) + 1)
      }
    }
    t.ok([...watchers.values()].every((count) => count === Math.min(3, size - 1)), `${size} processes`)
    t.equal(watchers.size, size > 1 ? size : 0)
  }
  const threads = [0, 1, 2].map((i) => ({ ...member(i, true), processId: 'p000' }))
  const shared = watchedBy([...threads, { ...member(3, true) }])
  t.same([...shared.keys()], ['m0', 'm3'], 'one member of a process is told')
  t.equal(shared.get('m3')![0]!.members.length, 3, 'of all members of the watched one')
  const mixed = watchedBy([member(0, true), member(1, false)])
  t.same(mixed.get('m0'), [])
  t.match(mixed.get('m1'), [{ processId: 'p000', members: [{ memberId: 'm0', transactionalId: 'app-p0' }] }])
})

// --- over sockets -----------------------------------------------------------------------------------------------------

t.test('watched, its ids heard; dead when the socket closes and the port refuses: its own ids only', async (t) => {
  const listener = await listen()
  listener.announce(['app-victim-0-b', 'app-somebody-else-0-x'])
  const path = await Path.to(listener.port)
  const watched = new Watched(process(path.port), identity('watcher'))
  await watched.until('watching')
  listener.announce(['app-victim-0-c', 'other-app-0'])
  await watched.heard(['app-victim-0-c'])
  path.end()
  await watched.until('evicted')
  t.same(watched.deaths, [['app-victim-0-c']])
  watched.watch.close()
  await listener.close()
})

t.test('a goodbye is no death, though the port refuses afterwards', async (t) => {
  const listener = await listen()
  const watched = new Watched(process(listener.port), identity('watcher'))
  await watched.until('watching')
  await listener.close()
  await watched.until('departed')
  t.same(watched.deaths, [])
  watched.watch.close()
})

t.test('a connection that is cut while the process lives: it is found again and nobody is evicted', async (t) => {
  const listener = await listen()
  const path = await Path.to(listener.port)
  const watched = new Watched(process(path.port), identity('watcher'))
  await watched.until('watching')
  path.cut()
  await watched.until('watching', 2)
  t.same(watched.deaths, [])
  watched.watch.close()
  path.end()
  await listener.close()
})

t.test('with another secret neither side believes the other; a refusal afterwards proves nothing', async (t) => {
  const listener = await listen({ secret: 'another secret, just as long' })
  const path = await Path.to(listener.port)
  const watched = new Watched(process(path.port), identity('watcher'))
  await watched.until('waiting', 2)
  t.notOk(watched.states.includes('watching'))
  t.equal(listener.watchers, 0)
  path.end()
  await watched.until('connecting', 3)
  await watched.until('waiting', 3)
  t.same(watched.deaths, [])
  watched.watch.close()
  await listener.close()
})

t.test('hostile callers: garbage, a frame too long, a wrong proof, somebody else’s application, silence; the listener serves the next', async (t) => {
  const listener = await listen()
  const ended = async (bytes: Buffer) => {
    const socket = connect(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(bytes)
    socket.resume()
    await once(socket, 'close')
  }
  const hello: PeerMessage = { type: 'hello', version: 1, application: 'app', from: 'watcher', to: 'victim', nonce: newNonce() }
  await ended(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  await ended(Buffer.concat([Buffer.of(255, 255), Buffer.alloc(STRANGER_FRAME_BYTES)]))
  await ended(Buffer.concat([encodeFrame(hello), encodeFrame({ type: 'proof', proof: '0'.repeat(64) })]))
  await ended(encodeFrame({ ...hello, application: 'another' }))
  await ended(encodeFrame({ ...hello, to: 'another' }))
  await ended(encodeFrame({ type: 'welcome', ids: [] }))
  t.equal(listener.watchers, 0)
  const silent = connect(listener.port, '127.0.0.1')
  await once(silent, 'connect')
  const watched = new Watched(process(listener.port), identity('watcher'))
  await watched.until('watching')
  t.equal(listener.watchers, 1, 'the silent one is none')
  const closed = once(silent, 'close')
  watched.watch.close()
  await listener.close()
  await closed
})

t.test('a stranger on the port of the dead: garbage, or a recorded answer sent again, is no life and no death', async (t) => {
  const nonce = newNonce()
  const recorded = { application: 'app', instance: 'victim', incarnation: 'one-life-of-the-victim', watcher: 'watcher', watcherNonce: newNonce(), instanceNonce: nonce }
  const answers: Buffer[] = [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    Buffer.concat([encodeFrame({ type: 'challenge', incarnation: recorded.incarnation, nonce, proof: proof(SECRET, 'instance', recorded) }), encodeFrame({ type: 'welcome', ids: [] })]),
    encodeFrame({ type: 'welcome', ids: ['app-victim-0-x'] }),
    encodeFrame({ type: 'goodbye' }),
  ]
  for (const answer of answers) {
    const server = createServer((socket: Socket) => {
      socket.on('error', () => undefined)
      socket.write(answer)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const watched = new Watched(process((server.address() as AddressInfo).port), identity('watcher'))
    await watched.until('waiting')
    t.notOk(watched.states.includes('watching') || watched.states.includes('departed'))
    t.same(watched.deaths, [])
    watched.watch.close()
    server.close()
  }
})

t.test('the loopback of another machine is not called', async (t) => {
  const watched = new Watched({ ...process(1), endpoint: { host: '127.0.0.1', port: 1, machine: 'another-machine' } }, identity('watcher'))
  t.same(watched.states, [])
  t.equal(watched.watch.state.name, 'waiting')
})

t.test('with mTLS a certificate of the authority is needed; one of another is not enough, nor a plain connection', async (t) => {
  const listener = await listen({ tls: OURS, secret: '' })
  const path = await Path.to(listener.port)
  const watched = new Watched(process(path.port), identity('watcher', { tls: OURS, secret: '' }))
  await watched.until('watching')
  const foreign = new Watched(process(listener.port), identity('foreign', { tls: THEIRS, secret: '' }))
  await foreign.until('waiting', 2)
  const plain = new Watched(process(listener.port), identity('plain', { secret: '' }))
  await plain.until('waiting', 1)
  t.equal(listener.watchers, 1)
  t.notOk(foreign.states.includes('watching') || plain.states.includes('watching'))
  path.end()
  await watched.until('evicted')
  t.equal(watched.deaths.length, 1)
  await listener.close()
  for (const each of [watched, foreign, plain]) {
    each.watch.close()
  }
})

t.test('evicted twice within a minute: the process asks the others not to watch it any more, and says so', async (t) => {
  const warnings: string[] = []
  const peers = await Peers.open({
    application: 'app',
    processId: 'victim',
    config: { host: '127.0.0.1', port: 0, advertised: undefined, secret: SECRET, tls: undefined },
    evict: async () => undefined,
    onDeparted: () => undefined,
    onWarning: (warning) => warnings.push(warning),
  })
  const { endpoint } = peers
  const watched = new Watched(process(endpoint!.port), identity('watcher'))
  await watched.until('watching')
  peers.evicted(0)
  peers.evicted(70_000)
  t.same(peers.endpoint, endpoint, 'not within a minute')
  peers.evicted(90_000)
  t.equal(peers.endpoint, undefined)
  t.match(warnings, [/evicted twice within a minute/])
  await watched.until('departed')
  await peers.close()
  watched.watch.close()
})

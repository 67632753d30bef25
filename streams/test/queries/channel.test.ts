/** Questions and answers between instances: their bytes, what strangers may send, and who is let in. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { callPeer } from '../../membership/peer-call.ts'
import { PeerListener } from '../../membership/peer-listener.ts'
import { OURS, THEIRS } from '../membership/certificates.ts'
import { encodeFrame, FrameReader, newNonce, PEER_PROTOCOL, type PeerMessage, proof } from '../../membership/peer-protocol.ts'
import { endpointAt } from '../../membership/endpoint.ts'
import { answerPeer, ChannelReader, PeerChannel } from '../../queries/channel.ts'
import type { PageAnswer, PageRequest, PageRow } from '../../queries/page.ts'
import { decodeRows, encodeRows } from '../../queries/rows-codec.ts'
import { answerFromJson, answerToJson, requestFromJson, requestToJson } from '../../queries/wire.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const request: PageRequest = { store: 's', partition: 3, query: { kind: 'range', from: bytes('a'), descending: true }, cursor: bytes('\u0000c'), maxRows: 7, maxLag: 5, bound: { 'in-3': 12 }, waitMs: 100 }
const rows: PageRow[] = [
  { value: new Uint8Array(0) },
  { key: bytes('k'), value: bytes('v'), timestamp: 2 ** 52 + 1 },
  { value: bytes('w'), timestamp: 0, window: [60_000, 120_000] },
  { key: new Uint8Array(0), value: bytes('x'), validTo: 9 },
]
const page: PageAnswer = { kind: 'page', rows: encodeRows(rows), cursor: bytes('next'), position: { 'in-3': 13 }, active: false, lag: 4 }

t.test('rows come back as they were; damaged ones are refused', async (t) => {
  const encoded = encodeRows(rows)
  t.strictSame(decodeRows(encoded).map(({ key, value, ...rest }) => ({ ...(key === undefined ? {} : { key: Uint8Array.from(key) }), value: Uint8Array.from(value), ...rest })), rows)
  t.equal(encoded.byteLength, encoded.buffer.byteLength, 'a buffer of its own: transferred, nothing else goes with it')
  let refused = 0
  for (let at = 0; at < encoded.length; at++) {
    for (const damaged of [encoded.subarray(0, at), Uint8Array.from(encoded, (byte, i) => (i === at ? 0xff : byte))]) {
      try {
        decodeRows(damaged)
      } catch (error) {
        t.equal((error as { code?: string }).code, 'RESPONSE_INVALID')
        refused++
      }
    }
  }
  t.ok(refused > encoded.length / 2, `${refused} refused`)
})

t.test('requests and answers come back as they were; anything else is refused', async (t) => {
  const json = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown
  for (const query of [
    request.query,
    { kind: 'key', key: bytes('k') },
    { kind: 'window-key', key: bytes('k'), from: 0, to: Number.MAX_SAFE_INTEGER },
    { kind: 'window-range', from: 1, to: 2 },
    { kind: 'session-key', key: bytes('') },
    { kind: 'versioned-key', key: bytes('k'), at: 5 },
    { kind: 'versioned-key', key: bytes('k') },
    { kind: 'multi-versioned-key', key: bytes('k'), from: 1, to: 2 },
  ] as const) {
    t.strictSame(requestFromJson(json(requestToJson({ ...request, query }))), { ...request, query })
  }
  for (const answer of [page, { kind: 'absent' }, { kind: 'failure', code: 'QUERY_NOT_ACTIVE', message: 'no' }] as const) {
    t.strictSame(answerFromJson(json(answerToJson(answer)), page.kind === 'page' ? page.rows : bytes('')), answer)
  }
  const good = json(requestToJson(request)) as { [name: string]: unknown }
  for (const bad of [null, 5, [], {}, { ...good, store: 5 }, { ...good, partition: -1 }, { ...good, partition: 1.5 }, { ...good, maxRows: 1e9 }, { ...good, waitMs: 1e12 }, { ...good, query: { kind: 'drop' } }, { ...good, query: { kind: 'key' } }, { ...good, bound: { 'in-0': '1' } }, { ...good, cursor: 5 }, { ...good, maxLag: Number.NaN }]) {
    t.throws(() => requestFromJson(bad), { code: 'PEER_REFUSED' }, JSON.stringify(bad))
  }
  for (const bad of [null, {}, { kind: 'page' }, { kind: 'failure', code: 5, message: '' }]) {
    t.throws(() => answerFromJson(bad, bytes('')), { code: 'PEER_REFUSED' })
  }
})

t.test('a channel reads frames however they are cut, and none that is too long', async (t) => {
  const json = Buffer.from(JSON.stringify({ id: 1, body: { kind: 'absent' } }))
  const head = Buffer.alloc(8)
  head.writeUInt32BE(4 + json.length + 3)
  head.writeUInt32BE(json.length, 4)
  const frame = Buffer.concat([head, json, Buffer.from('abc')])
  for (const size of [1, 3, 7, 8, 9, 1_000]) {
    const reader = new ChannelReader(1_000)
    const all = Buffer.concat([frame, frame])
    const frames = []
    for (let at = 0; at < all.length; at += size) {
      frames.push(...reader.push(all.subarray(at, at + size)))
    }
    t.same(frames.map(({ id, rows: with_ }) => [id, with_.toString()]), [[1, 'abc'], [1, 'abc']])
  }
  const bad = (length: number, jsonLength: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(length)
    bytes.writeUInt32BE(jsonLength, 4)
    return bytes
  }
  for (const [length, jsonLength] of [[1_001, 10], [0xffff_ffff, 10], [3, 0], [100, 97]] as const) {
    t.throws(() => new ChannelReader(1_000).push(bad(length, jsonLength)), { code: 'PEER_REFUSED' })
  }
  t.throws(() => new ChannelReader(1_000).push(Buffer.concat([bad(6, 2), Buffer.from('{x')])), { code: 'PEER_REFUSED' })
})

const identity = { application: 'app', processId: 'caller', secret: 'a secret of many characters', tls: undefined }

async function listening(t: { teardown(run: () => unknown): void }, onAsker?: (socket: Socket) => void): Promise<PeerListener> {
  const listener = await PeerListener.open({ ...identity, processId: 'owner', incarnation: 'i'.repeat(24), host: '127.0.0.1', port: 0, ...(onAsker === undefined ? {} : { onAsker }) })
  t.teardown(() => listener.close())
  return listener
}

t.test('an instance that proves itself is answered, many questions at once', async (t) => {
  const asked: PageRequest[] = []
  const listener = await listening(t, (socket) => answerPeer(socket, async (question) => {
    asked.push(question)
    return question.partition === 1 ? { kind: 'absent' } : page
  }))
  const channel = new PeerChannel(await callPeer(identity, 'owner', endpointAt('127.0.0.1', listener.port)), 60_000)
  t.teardown(() => channel.close())
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => channel.ask({ ...request, partition: i % 2 }, 10_000)))
  t.equal(asked.length, 200)
  t.strictSame(answers, answers.map((_, i) => (i % 2 === 1 ? { kind: 'absent' } : page)))
  t.strictSame(asked[0], { ...request, partition: 0 })
  t.equal(listener.watchers, 0, 'who asks watches nobody')
  await listener.close()
  await t.rejects(channel.ask(request, 1_000), { code: 'QUERY_OWNER_UNREACHABLE' })
  t.ok(channel.closed)
})

t.test('certificates of the application prove an instance as well as its secret, and nobody else', async (t) => {
  const ours = { ...identity, secret: '', tls: OURS }
  const listener = await PeerListener.open({ ...ours, processId: 'owner', incarnation: 'i'.repeat(24), host: '127.0.0.1', port: 0, onAsker: (socket) => answerPeer(socket, async () => page) })
  t.teardown(() => listener.close())
  const at = endpointAt('127.0.0.1', listener.port)
  const channel = new PeerChannel(await callPeer(ours, 'owner', at), 60_000)
  t.teardown(() => channel.close())
  t.strictSame(await channel.ask(request, 10_000), page)
  await t.rejects(callPeer({ ...ours, tls: THEIRS }, 'owner', at), { code: 'QUERY_OWNER_UNREACHABLE' })
  await t.rejects(callPeer({ ...ours, tls: { ...THEIRS, ca: OURS.ca } }, 'owner', at), { code: 'QUERY_OWNER_UNREACHABLE' })
  await t.rejects(callPeer({ ...ours, tls: undefined }, 'owner', at), { code: 'QUERY_OWNER_UNREACHABLE' })
})

t.test('others are not', async (t) => {
  const listener = await listening(t, () => t.fail('let in'))
  const at = endpointAt('127.0.0.1', listener.port)
  await t.rejects(callPeer({ ...identity, secret: 'another secret, as long' }, 'owner', at), { code: 'QUERY_OWNER_UNREACHABLE' })
  await t.rejects(callPeer(identity, 'somebody else', at), { code: 'QUERY_OWNER_UNREACHABLE' })
  await t.rejects(callPeer({ ...identity, application: 'other' }, 'owner', at), { code: 'QUERY_OWNER_UNREACHABLE' })
  await t.rejects(callPeer(identity, 'owner', { host: '127.0.0.1', port: at.port, machine: 'another machine' }), { code: 'QUERY_OWNER_UNREACHABLE', message: /loopback of another machine/ })

  // A watcher's proof opens no channel.
  const socket = connect(listener.port, '127.0.0.1')
  const closed = once(socket, 'close')
  const reader = new FrameReader()
  const watcherNonce = newNonce()
  socket.write(encodeFrame({ type: 'hello', version: PEER_PROTOCOL, application: 'app', from: 'caller', to: 'owner', nonce: watcherNonce, purpose: 'ask' }))
  const heard: PeerMessage[] = []
  socket.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk)) {
      heard.push(message)
      if (message.type === 'challenge') {
        const shake = { application: 'app', instance: 'owner', incarnation: message.incarnation, watcher: 'caller', watcherNonce, instanceNonce: message.nonce }
        socket.write(encodeFrame({ type: 'proof', proof: proof(identity.secret, 'watcher', shake) }))
      }
    }
  })
  await closed
  t.same(heard.map(({ type }) => type), ['challenge'])

  // Somebody else has the port of an instance that is gone.
  const stranger = createServer((each) => each.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => stranger.close())
  await t.rejects(callPeer(identity, 'owner', endpointAt('127.0.0.1', (stranger.address() as { port: number }).port)), { code: 'QUERY_OWNER_UNREACHABLE' })
})

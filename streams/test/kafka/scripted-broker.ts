import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { ByteReader } from '../../kafka/protocol/byte-reader.ts'
import { ByteWriter } from '../../kafka/protocol/byte-writer.ts'
import * as format from '../../kafka/batch-format.ts'

export interface SeenBatch {
  readonly partition: number
  readonly epoch: number
  readonly sequence: number
  readonly records: number
  readonly code: number
}

/**
 * A broker of one topic that answers with the error codes it is told to: for what a healthy one does too seldom to be
 * tested with. Speaks only what a producer needs, and SASL as far as its rule that nothing else is asked meanwhile.
 */
export class ScriptedBroker {
  readonly produced: SeenBatch[] = []
  readonly requests: number[] = []
  /** Codes of the next answers by API key; 0 when used up. For Produce one code per partition and request. */
  readonly script = new Map<number, number[]>()
  readonly #server = createServer((socket) => this.#serve(socket))
  readonly #sockets = new Set<Socket>()
  /** Every connection is closed at once. */
  away = false
  /** How many connections were made. */
  connections = 0
  /** The credentials that were shown, as text. */
  readonly shown: string[] = []
  /** How long what a client has shown holds, ms. */
  sessionLifetimeMs = 0
  /** What it says to the credentials: with OAUTHBEARER a refusal, which it only puts into a code when that was seen. */
  challenge = ''
  readonly #transactionVersion: number
  #epoch = 0
  port = 0

  constructor(transactionVersion: number) {
    this.#transactionVersion = transactionVersion
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    this.disconnect()
  }

  disconnect(): void {
    for (const socket of this.#sockets) {
      socket.destroy()
    }
  }

  #code(apiKey: number): number {
    return this.script.get(apiKey)?.shift() ?? 0
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    if (this.away) {
      socket.destroy()
      return
    }
    this.connections++
    let authenticating = false
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const frame = pending.subarray(4, 4 + pending.readInt32BE(0))
        pending = pending.subarray(4 + frame.length)
        const apiKey = frame.readInt16BE(0)
        const clientIdLength = frame.readInt16BE(8)
        const body = new ByteReader(frame.subarray(10 + clientIdLength + 1))
        this.requests.push(apiKey)
        const answer = new ByteWriter().int32(0).int32(frame.readInt32BE(4))
        if (authenticating && apiKey !== 36) {
          socket.destroy()
          return
        }
        authenticating = apiKey === 17
        if (apiKey !== 17 && apiKey !== 18) {
          answer.tags()
        }
        this.#answer(apiKey, body, answer)
        const bytes = Buffer.concat(answer.finish())
        bytes.writeInt32BE(bytes.length - 4, 0)
        if (apiKey === 17) {
          // Time for others to ask something in between.
          setTimeout(() => socket.write(bytes), 5)
        } else {
          socket.write(bytes)
        }
      }
    })
  }

  #answer(apiKey: number, body: ByteReader, answer: ByteWriter): void {
    switch (apiKey) {
      case 0:
        this.#produce(body, answer)
        break
      case 3:
        answer.int32(0)
        answer.structs([1], (w) => w.int32(1).string('127.0.0.1').int32(this.port).string(null))
        answer.string('cluster').int32(1)
        answer.structs(['topic'], (w, topic) => {
          w.int16(0).string(topic).uuid('00000000-0000-0000-0000-000000000001').boolean(false)
          w.structs([0, 1], (p, index) => p.int16(0).int32(index).int32(1).int32(0).array([], () => {}).array([], () => {}).array([], () => {}))
          w.int32(0)
        })
        answer.tags()
        break
      case 10:
        answer.int32(0)
        answer.structs([1], (w) => w.string('key').int32(1).string('127.0.0.1').int32(this.port).int16(this.#code(10)).string(null))
        answer.tags()
        break
      case 17:
        answer.int16(0).int32(0)
        break
      case 36:
        this.shown.push(Buffer.from(body.nullableBytes() ?? []).toString())
        answer.int16(this.shown.at(-1) === '\u0001' ? 58 : 0).string(null).bytes(Buffer.from(this.challenge)).int64(this.sessionLifetimeMs).tags()
        break
      case 18: {
        answer.int16(0).structs([0, 3, 10, 18, 22, 24, 25, 26, 28], (w, key) => w.int16(key).int16(0).int16(20)).int32(0)
        const features = Buffer.concat(new ByteWriter().structs(['transaction.version'], (w, name) => w.string(name).int16(this.#transactionVersion).int16(0)).finish())
        answer.unsignedVarint(2).unsignedVarint(1).unsignedVarint(8).int64(1).unsignedVarint(2).unsignedVarint(features.length)
        for (const byte of features) {
          answer.int8((byte << 24) >> 24)
        }
        break
      }
      case 22:
        answer.int32(0).int16(this.#code(22)).int64(7).int16(this.#epoch++).tags()
        break
      case 24:
        answer.int32(0).structs(['topic'], (w, topic) => w.string(topic).structs([0], (p) => p.int32(0).int16(this.#code(24)))).tags()
        break
      case 26: {
        const code = this.#code(26)
        answer.int32(0).int16(code)
        if (this.#transactionVersion === 2) {
          answer.int64(7).int16(code === 0 ? this.#epoch++ : -1)
        }
        answer.tags()
        break
      }
      default:
        throw new Error(`API ${apiKey} is not scripted`)
    }
  }

  #produce(body: ByteReader, answer: ByteWriter): void {
    body.nullableString()
    body.int16()
    body.int32()
    const topics = body.structs((r) => ({ name: r.string(), partitions: r.structs((p) => ({ index: p.int32(), records: p.nullableBytes()! })) }))
    answer.structs(topics, (w, { name, partitions }) => {
      w.string(name).structs(partitions, (p, { index, records }) => {
        const code = this.#code(0)
        this.produced.push({
          partition: index,
          epoch: records.readInt16BE(format.PRODUCER_EPOCH),
          sequence: records.readInt32BE(format.BASE_SEQUENCE),
          records: records.readInt32BE(format.RECORD_COUNT),
          code
        })
        p.int32(index).int16(code).int64(code === 0 ? 100 : -1).int64(-1).int64(0).array([], () => {}).string(null)
      })
    })
    answer.int32(0).tags()
  }
}

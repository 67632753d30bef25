import { ClassicLevel } from 'classic-level'
import { type MessagePort, type Transferable, workerData } from 'node:worker_threads'
import type { Bytes } from '../contract.ts'
import { packRows, type ReaderAnswer, type ReaderRequest } from './leveldb-protocol.ts'

/**
 * The reader thread: LevelDB's iterators are asynchronous, so they run here, on the same database (classic-level shares
 * one handle between the threads of a process), while the thread that asked waits for the answer.
 */

type Level = ClassicLevel<Bytes, Bytes>
/** The overloads of `iterator()` lose the types of keys and values. */
interface Iterator {
  nextv(size: number): Promise<[Bytes, Bytes][]>
  close(): Promise<void>
}

const { port, signal } = workerData as { port: MessagePort; signal: Int32Array<SharedArrayBuffer> }
const databases = new Map<number, Level>()
const iterators = new Map<number, Iterator>()

port.on('message', (request: ReaderRequest) => {
  answer(request).then(
    (reply) => {
      send(reply)
    },
    (error: Error & { code?: string }) => {
      const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
      send({ number: request.number, error: { code: error.code, message: error.message + cause } })
    },
  )
})

async function answer(request: ReaderRequest): Promise<ReaderAnswer> {
  switch (request.kind) {
    case 'open': {
      const level: Level = new ClassicLevel(request.location, {
        keyEncoding: 'view',
        valueEncoding: 'view',
        multithreading: true,
        createIfMissing: false,
      })
      await level.open()
      databases.set(request.database, level)
      return { number: request.number }
    }
    case 'range': {
      const iterator: Iterator = databases.get(request.database)!.iterator<Bytes, Bytes>({
        ...(request.from === undefined ? {} : { gte: request.from }),
        ...(request.to === undefined ? {} : { lt: request.to }),
        reverse: request.reverse,
        fillCache: true,
        highWaterMarkBytes: 256 * 1024,
      })
      iterators.set(request.cursor, iterator)
      return chunk(request.number, request.cursor, iterator, request.rows)
    }
    case 'next':
      return chunk(request.number, request.cursor, iterators.get(request.cursor)!, request.rows)
    case 'end':
      await forget(request.cursor)
      return { number: request.number }
    case 'close': {
      const level = databases.get(request.database)
      databases.delete(request.database)
      await level?.close()
      return { number: request.number }
    }
  }
}

async function chunk(number: number, cursor: number, iterator: Iterator, size: number): Promise<ReaderAnswer> {
  const rows = await iterator.nextv(size)
  // Fewer rows than asked may only mean many bytes; none means the end.
  const finished = rows.length === 0
  if (finished) {
    await forget(cursor)
  }
  return { number, rows: packRows(rows), finished }
}

async function forget(cursor: number): Promise<void> {
  const iterator = iterators.get(cursor)
  iterators.delete(cursor)
  await iterator?.close()
}

function send(reply: ReaderAnswer): void {
  const transfer = reply.rows === undefined ? [] : [reply.rows.buffer as unknown as Transferable]
  port.postMessage(reply, transfer)
  Atomics.add(signal, 0, 1)
  Atomics.notify(signal, 0)
}

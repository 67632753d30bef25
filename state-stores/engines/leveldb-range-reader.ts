import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { StateStoreError } from '../errors.ts'
import type { ReaderAnswer, ReaderCall } from './leveldb-protocol.ts'

/** After this the reader is taken for dead: without a limit, a lost reader would freeze the record path for ever. */
const ANSWER_TIMEOUT_MS = 30_000

/**
 * The asking side of the reader thread: one per thread that has LevelDB databases open, started with the first and kept.
 * `ask` blocks this thread until the answer is there; `call` awaits it.
 */
export class RangeReader {
  static #shared: Promise<RangeReader> | undefined

  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal: Int32Array<SharedArrayBuffer>
  readonly #waiting = new Map<number, (answer: ReaderAnswer) => void>()
  #numbers = 0
  #failure: Error | undefined

  /** The reader of this thread. Rejects if the thread cannot be started. */
  static shared(): Promise<RangeReader> {
    if (RangeReader.#shared === undefined) {
      const starting = RangeReader.#start()
      RangeReader.#shared = starting
      starting.catch(() => {
        RangeReader.#shared = undefined
      })
    }
    return RangeReader.#shared
  }

  static async #start(): Promise<RangeReader> {
    const { port1, port2 } = new MessageChannel()
    const signal = new Int32Array(new SharedArrayBuffer(4))
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./leveldb-reader${extension}`, import.meta.url), {
      workerData: { port: port2, signal },
      transferList: [port2],
      name: 'leveldb-reader',
      // The parent's preloaded modules (loaders, profilers) have no business in a thread that only iterates.
      execArgv: [],
    })
    await new Promise<void>((resolve, reject) => {
      worker.once('online', resolve)
      worker.once('error', reject)
    })
    worker.removeAllListeners('error')
    return new RangeReader(worker, port1, signal)
  }

  private constructor(worker: Worker, port: MessagePort, signal: Int32Array<SharedArrayBuffer>) {
    this.#worker = worker
    this.#port = port
    this.#signal = signal
    port.on('message', (answer: ReaderAnswer) => {
      this.#deliver(answer)
    })
    worker.on('error', (error) => {
      this.#fail(error)
    })
    worker.on('exit', () => {
      this.#fail(new Error('the reader thread ended'))
    })
    this.#rest()
  }

  /** A number nobody else of this reader has: names databases and cursors. */
  name(): number {
    return ++this.#numbers
  }

  /** Sends the request and waits for its answer without giving control back. */
  ask(call: ReaderCall): ReaderAnswer {
    const number = this.#send(call)
    let found: ReaderAnswer | undefined
    this.#waiting.set(number, (answer) => {
      found = answer
    })
    const deadline = Date.now() + ANSWER_TIMEOUT_MS
    for (;;) {
      const seen = Atomics.load(this.#signal, 0)
      for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
        this.#deliver(next.message as ReaderAnswer)
      }
      if (found !== undefined) {
        return checked(found)
      }
      if (Atomics.wait(this.#signal, 0, seen, Math.max(0, deadline - Date.now())) === 'timed-out') {
        this.#waiting.delete(number)
        throw stalled(`no answer in ${ANSWER_TIMEOUT_MS} ms`, this.#failure)
      }
    }
  }

  /** Sends the request and resolves with its answer. */
  async call(call: ReaderCall): Promise<ReaderAnswer> {
    const number = this.#send(call)
    const answer = new Promise<ReaderAnswer>((resolve) => {
      this.#waiting.set(number, resolve)
    })
    this.#port.ref()
    this.#worker.ref()
    try {
      return checked(await answer)
    } finally {
      this.#rest()
    }
  }

  /** Sends a request whose answer nobody needs. */
  tell(call: ReaderCall): void {
    if (this.#failure === undefined) {
      this.#send(call)
    }
  }

  #send(call: ReaderCall): number {
    if (this.#failure !== undefined) {
      throw stalled(this.#failure.message, this.#failure)
    }
    const number = ++this.#numbers
    this.#port.postMessage({ ...call, number })
    return number
  }

  #deliver(answer: ReaderAnswer): void {
    const waiting = this.#waiting.get(answer.number)
    if (waiting !== undefined) {
      this.#waiting.delete(answer.number)
      waiting(answer)
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
    RangeReader.#shared = undefined
    for (const [number, waiting] of this.#waiting) {
      this.#waiting.delete(number)
      waiting({ number, error: { code: 'ENGINE_STALLED', message: this.#failure.message } })
    }
    this.#rest()
  }

  /** An idle reader keeps no process alive. */
  #rest(): void {
    if (this.#waiting.size === 0) {
      this.#port.unref()
      this.#worker.unref()
    }
  }
}

function checked(answer: ReaderAnswer): ReaderAnswer {
  if (answer.error !== undefined) {
    if (answer.error.code === 'ENGINE_STALLED') {
      throw stalled(answer.error.message, undefined)
    }
    throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
  }
  return answer
}

function stalled(why: string, cause: unknown): StateStoreError {
  return new StateStoreError(
    'ENGINE_STALLED',
    `the thread that iterates LevelDB databases does not answer: ${why}. Restart the stream thread; if it repeats, use the rocksdb engine`,
    { cause },
  )
}

/** A stream thread as the supervisor holds it: in a worker, or on the caller's own thread. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { MemoryBudget, StateFolder } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import { createCluster } from '../kafka/cluster.ts'
import { failpointsFrom } from './failpoints.ts'
import type { PeerProcess } from '../membership/types.ts'
import type { FromThread, ThreadInit, ToThread } from './messages.ts'
import { plainError, revivedError } from './messages.ts'
import { Progress } from './progress.ts'
import { type TokenSource, withTokens } from './sasl-config.ts'
import { StreamThread } from './stream-thread.ts'
import type { PageAnswer, PageRequest } from '../queries/page.ts'
import type { ParkedAnswer, ParkedQuestion } from './parked-keys.ts'
import type { RestoreEvent } from './restore-progress.ts'
import type { Suspect } from './suspects.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import type { ThreadState } from './thread-state.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'

export interface ThreadEvents {
  onState(state: ThreadState): void
  /** It has stopped; `died`: without having released anything. */
  onFailed(error: Error, died: boolean): void
  onWarning(message: string): void
  onWatch(processes: readonly PeerProcess[]): void
  onProduces(transactionalId: string): void
  onEvicted(): void
  onRestore(event: RestoreEvent): void
  /** Another instance has stopped the application everywhere. */
  onStop(code: string): void
}

export interface HostOptions extends Omit<ThreadInit, 'progress' | 'asksToken'> {
  /** Undefined: other credentials. */
  readonly tokens: TokenSource | undefined
}

export interface ThreadHost {
  readonly thread: number
  readonly progress: Progress
  close(): Promise<void>
  /** Somebody was just taken out of the group: it asks at once. */
  hurry(): void
  /** Nobody is to watch this process any more. */
  unwatched(): void
  /** Processes nothing, or goes on. */
  pause(paused: boolean): void
  /** A record that an operator must not run again. */
  suspect(suspect: Suspect): void
  /** Ends it at once, when `close` takes too long. What it leaves open is ended by the next start of the process. */
  end(): Promise<void>
  /** Undefined: it did not answer in time, or has ended. */
  snapshot(): Promise<ThreadSnapshot | undefined>
  parked(question: ParkedQuestion): Promise<ParkedAnswer | undefined>
  query(request: PageRequest): Promise<PageAnswer | undefined>
}

export interface InProcessInit extends Omit<HostOptions, 'topologyUrl' | 'settings' | 'tracingUrl'> {
  readonly tracing: OpenTelemetry | undefined
}

/** Runs the thread on this one: for tests and debugging. */
export function hostInProcess(topology: Topology, init: InProcessInit, events: ThreadEvents): ThreadHost {
  const { config, processId, thread, stateDir, endpoint, suspects, paused, tracing } = init
  const progress = new Progress()
  let ended = false
  const streamThread = new StreamThread({
    topology,
    config,
    cluster: createCluster({ ...withTokens(config.client, init.tokens), clientId: `${config.applicationId}-${thread}`, onWarning: events.onWarning }),
    processId,
    thread,
    folder: new StateFolder(stateDir),
    memory: new MemoryBudget(init.memory, thread),
    failpoint: failpointsFrom(process.env),
    progress,
    endpoint,
    suspects,
    paused,
    tracing,
    onWatch: events.onWatch,
    onProduces: events.onProduces,
    onEvicted: events.onEvicted,
    onRestore: events.onRestore,
    onStop: events.onStop,
    onState: events.onState,
    onFailed: (error) => {
      if (!ended) {
        events.onFailed(error, false)
      }
    },
    onWarning: events.onWarning,
  })
  streamThread.start().catch((error: Error) => streamThread.fail(error))
  return {
    thread,
    progress,
    close: () => streamThread.close(),
    hurry: () => streamThread.hurry(),
    unwatched: () => streamThread.unwatched(),
    pause: (paused) => streamThread.pause(paused),
    suspect: (suspect) => streamThread.suspect(suspect),
    end: () => {
      ended = true
      return streamThread.end()
    },
    snapshot: async () => streamThread.snapshot(),
    parked: async (question) => streamThread.parked(question),
    query: (request) => streamThread.query(request),
  }
}

/** Longest wait for a worker's answer; prevents that a wedged thread hangs a metrics scrape. */
const ANSWER_MS = 1_000

/**
 * Young generations of all threads' heaps together, MiB, and the least of one: semi-spaces of 16 for one thread, of 8 for each
 * of several. V8's own limit on a large machine is 64 for every thread, which it reaches within seconds under load and never
 * gives back, and costs as much CPU (docs/benchmarks.md). `--max-semi-space-size` overrides it.
 */
const YOUNG_GENERATIONS_MIB = 48
const LEAST_YOUNG_GENERATION_MIB = 24

/** Runs the thread in a worker, which loads the topology by its module's URL. */
export function hostInWorker({ tokens, ...init }: HostOptions, events: ThreadEvents): ThreadHost {
  const progress = new Progress()
  // `.ts` in the checkout, `.js` in the published package.
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const worker = new Worker(new URL(`./worker${extension}`, import.meta.url), {
    workerData: { ...init, asksToken: tokens !== undefined, progress: progress.buffer } satisfies ThreadInit,
    name: `stream-thread-${init.thread}`,
    resourceLimits: { maxYoungGenerationSizeMb: Math.max(LEAST_YOUNG_GENERATION_MIB, Math.floor(YOUNG_GENERATIONS_MIB / init.config.threads)) },
  })
  const waiting = new Map<number, (answer: unknown) => void>()
  const exited = once(worker, 'exit')
  let ended = false
  let nextId = 0
  worker.on('message', (message: FromThread) => {
    switch (message.type) {
      case 'state':
        events.onState(message.state)
        return
      case 'warning':
        events.onWarning(message.message)
        return
      case 'failed':
        ended = true
        events.onFailed(revivedError(message.error), false)
        return
      case 'closed':
        ended = true
        return
      case 'watch':
        events.onWatch(message.processes)
        return
      case 'produces':
        events.onProduces(message.transactionalId)
        return
      case 'restore':
        events.onRestore(message.event)
        return
      case 'stop':
        events.onStop(message.code)
        return
      case 'evicted':
        events.onEvicted()
        return
      case 'ask-token':
        tokens?.get().then((given) => post({ type: 'token', token: given }), (error: Error) => post({ type: 'no-token', error: plainError(error) }))
        return
      case 'answer':
        waiting.get(message.id)?.(message.answer)
        waiting.delete(message.id)
    }
  })
  worker.on('error', (error: Error) => {
    if (!ended) {
      ended = true
      events.onFailed(new StreamsError('THREAD_DIED', `Stream thread ${init.thread} died: ${error.message}`, { cause: error }), true)
    }
  })
  worker.on('exit', (code) => {
    for (const answer of waiting.values()) {
      answer(undefined)
    }
    if (!ended) {
      ended = true
      events.onFailed(new StreamsError('THREAD_DIED', `Stream thread ${init.thread} exited with code ${code}.`), true)
    }
  })
  const post = (message: ToThread) => worker.postMessage(message)
  const ask = <T extends ThreadSnapshot | ParkedAnswer | PageAnswer>(question: (id: number) => ToThread, waitMs = ANSWER_MS): Promise<T | undefined> => {
    if (ended) {
      return Promise.resolve(undefined)
    }
    const id = nextId++
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(id)
        resolve(undefined)
      }, waitMs)
      waiting.set(id, (answer) => {
        clearTimeout(timer)
        resolve(answer as T | undefined)
      })
      post(question(id))
    })
  }
  return {
    thread: init.thread,
    progress,
    close: async () => {
      post({ type: 'close' })
      await exited
    },
    hurry: () => post({ type: 'hurry' }),
    unwatched: () => post({ type: 'unwatched' }),
    pause: (paused) => post({ type: 'pause', paused }),
    suspect: (suspect) => post({ type: 'suspect', suspect }),
    end: async () => {
      ended = true
      await worker.terminate()
    },
    snapshot: () => ask((id) => ({ type: 'snapshot', id })),
    parked: (question) => ask((id) => ({ type: 'parked', id, question })),
    query: (request) => ask((id) => ({ type: 'query', id, request }), request.waitMs + ANSWER_MS),
  }
}

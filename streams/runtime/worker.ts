/** The thread's side of a worker: loads the topology, runs one `StreamThread`, speaks `messages.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { MemoryBudget, StateFolder } from 'millrace-state-stores'
import { createCluster } from '../kafka/cluster.ts'
import type { OAuthToken } from '../kafka/contract.ts'
import { failpointsFrom } from './failpoints.ts'
import type { FromThread, ThreadInit, ToThread } from './messages.ts'
import { plainError, revivedError } from './messages.ts'
import { Progress } from './progress.ts'
import { withTokens } from './sasl-config.ts'
import { StreamThread } from './stream-thread.ts'
import { loadTracing } from '../tracing/load.ts'
import { makeTopology } from './topology-source.ts'

const port = parentPort!
const init = workerData as ThreadInit
const post = (message: FromThread) => port.postMessage(message)

/** Who waits for a token from the supervisor. */
let asking: PromiseWithResolvers<OAuthToken> | undefined

function askedToken(): Promise<OAuthToken> {
  asking ??= Promise.withResolvers<OAuthToken>()
  post({ type: 'ask-token' })
  return asking.promise
}

async function run(): Promise<void> {
  const { config, processId, thread, stateDir, endpoint, suspects, paused } = init
  const streamThread = new StreamThread({
    topology: await makeTopology(init.topologyUrl, config.applicationId, init.settings),
    config,
    cluster: createCluster({
      ...withTokens(config.client, init.asksToken ? { get: askedToken } : undefined),
      clientId: `${config.applicationId}-${thread}`,
      // The others would only say the same.
      ...(thread === 0 ? { onWarning: (message) => post({ type: 'warning', message }) } : {}),
    }),
    processId,
    thread,
    folder: new StateFolder(stateDir),
    memory: new MemoryBudget(init.memory, thread),
    failpoint: failpointsFrom(process.env),
    progress: new Progress(init.progress),
    endpoint,
    suspects,
    paused,
    tracing: init.tracingUrl === undefined ? undefined : await loadTracing(init.tracingUrl),
    onWatch: (processes) => post({ type: 'watch', processes }),
    onProduces: (transactionalId) => post({ type: 'produces', transactionalId }),
    onEvicted: () => post({ type: 'evicted' }),
    onRestore: (event) => post({ type: 'restore', event }),
    onStop: (code) => post({ type: 'stop', code }),
    onState: (state) => post({ type: 'state', state }),
    onWarning: (message) => post({ type: 'warning', message }),
    onFailed: (error) => {
      post({ type: 'failed', error: plainError(error) })
      port.close()
    },
  })
  port.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'snapshot':
        post({ type: 'answer', id: message.id, answer: streamThread.snapshot() })
        return
      case 'parked':
        post({ type: 'answer', id: message.id, answer: streamThread.parked(message.question) })
        return
      case 'query':
        streamThread.query(message.request).then((answer) => port.postMessage({ type: 'answer', id: message.id, answer } satisfies FromThread, answer.kind === 'page' ? [answer.rows.buffer as ArrayBuffer] : []))
        return
      case 'hurry':
        streamThread.hurry()
        return
      case 'unwatched':
        streamThread.unwatched()
        return
      case 'pause':
        streamThread.pause(message.paused)
        return
      case 'token':
        asking?.resolve(message.token)
        asking = undefined
        return
      case 'no-token':
        asking?.reject(revivedError(message.error))
        asking = undefined
        return
      case 'suspect':
        streamThread.suspect(message.suspect)
        return
      case 'close':
        streamThread.close().then(() => {
          post({ type: 'closed' })
          port.close()
        })
    }
  })
  await streamThread.start().catch((error: Error) => streamThread.fail(error))
}

run().catch((error: Error) => {
  post({ type: 'failed', error: plainError(error) })
  port.close()
})

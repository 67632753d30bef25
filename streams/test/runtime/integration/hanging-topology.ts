/** A module that no stream thread ends to load, so that it can be asked nothing. */
import { BroadcastChannel, isMainThread } from 'node:worker_threads'
import topology from './close-topology.ts'

if (!isMainThread) {
  new BroadcastChannel('hanging-topology').postMessage('loading')
  await new Promise(() => undefined)
}

export default topology

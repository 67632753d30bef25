/** What a user gives `new KafkaStreams`: the settings, the topology, and functions that are called. */
import { StreamsError } from '../errors.ts'
import type { TracingFunction } from '../tracing/load.ts'
import type { RuntimeConfig, StreamsConfig } from './config.ts'
import type { ConfiguredTopology } from './topology-source.ts'
import type { UncaughtErrorCallback } from './uncaught-errors.ts'

export interface KafkaStreamsOptions extends StreamsConfig {
  /** A module whose default export describes the topology (workers load it), or that function (then `threads: 'in-process'`). */
  readonly topology: URL | ConfiguredTopology
  /** Second argument of the topology function; plain data that survives a structured clone. */
  readonly settings?: unknown
  /**
   * Traces every record. A module whose default export gives the API (each stream thread loads it, and may start an SDK
   * there), or that function (then `threads: 'in-process'`). Default: nothing is traced, and costs nothing.
   */
  readonly tracing?: URL | TracingFunction
  /** Things an operator should know and nobody has to act on at once. Default: console.warn. */
  readonly onWarning?: (message: string) => void
  /**
   * A stream thread has failed with this error: what is to happen? Called on the thread that made the application. The causes
   * have their names and codes. `uncaughtError` decides where this gives undefined, throws, or does not answer within ten seconds.
   */
  readonly onUncaughtError?: UncaughtErrorCallback
}

/** What `resolveConfig` does not check. Throws `CONFIG_INVALID` with what to do. */
export function checkFunctions({ topology, tracing, onUncaughtError }: KafkaStreamsOptions, { inProcess }: RuntimeConfig): void {
  const inWorkers = topology instanceof URL
  if (!inWorkers && typeof topology !== 'function') {
    throw new StreamsError('CONFIG_INVALID', 'topology must be the URL of a module (new URL("./topology.ts", import.meta.url)) or a function (builder) => void.')
  }
  if (!inWorkers && !inProcess) {
    throw new StreamsError('CONFIG_INVALID', "threads: a topology given as a function cannot cross to a worker: give the URL of its module, or set threads to 'in-process'.")
  }
  if (onUncaughtError !== undefined && typeof onUncaughtError !== 'function') {
    throw new StreamsError('CONFIG_INVALID', 'onUncaughtError must be a function (error, thread) => action.')
  }
  if (tracing !== undefined && !(tracing instanceof URL) && (inWorkers || typeof tracing !== 'function')) {
    throw new StreamsError('CONFIG_INVALID', 'tracing: give the URL of a module whose default export is () => api; only with a topology function may it be that function.')
  }
}

import type { EngineName } from '../contract.ts'

/** What an engine can and costs, beyond what all of them do. The conformance suite holds each driver against its row. */
export interface EngineCapabilities {
  /** Survives `close` and the death of the process. */
  readonly persistent: boolean
  /** A second `open` of the same folder is refused while the first is open. */
  readonly exclusive: boolean
  /** `write` has happened when the call returns, and blocks the event loop for as long as it takes. */
  readonly writesOnThread: boolean
  /** `range` is served by another thread: a hop per range and per chunk of rows (docs/decisions/0002). */
  readonly rangesOffThread: boolean
  /** What a range of ten rows cost in a first, rough measurement, in microseconds: an order of magnitude, not a promise. */
  readonly shortRangeMicroseconds: number
  /** Platforms for which the package brings a binary. */
  readonly platforms: readonly string[]
}

export const engineCapabilities: { readonly [name in EngineName]: EngineCapabilities } = {
  rocksdb: {
    persistent: true,
    exclusive: true,
    writesOnThread: true,
    rangesOffThread: false,
    shortRangeMicroseconds: 60,
    platforms: ['linux-x64 (glibc)', 'darwin-arm64'],
  },
  leveldb: {
    persistent: true,
    exclusive: true,
    writesOnThread: false,
    rangesOffThread: true,
    shortRangeMicroseconds: 170,
    platforms: ['linux-x64 (glibc, musl)', 'linux-arm64', 'linux-arm', 'darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-ia32'],
  },
  memory: {
    persistent: false,
    exclusive: false,
    writesOnThread: true,
    rangesOffThread: false,
    shortRangeMicroseconds: 50,
    platforms: ['all'],
  },
}

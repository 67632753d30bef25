/** Lines sent without end, at a pace that leaves no backlog, while something else is looked at. */
import type { TestCluster } from '../integration/streams-support.ts'
import { type Line, lines } from './word-load.ts'

export interface EndlessLines {
  /** What has been sent so far. */
  readonly input: readonly Line[]
  /** Resolves with all of it once the last has arrived. */
  stop(): Promise<readonly Line[]>
}

/** Sends `count` lines every `pauseMs` until told to stop. */
export function endlessLines(cluster: TestCluster, topic: string, count = 40, pauseMs = 50): EndlessLines {
  const input: Line[] = []
  let stopped = false
  const done = (async () => {
    while (!stopped) {
      const more = lines(input.length, count)
      input.push(...more)
      await cluster.send(topic, more)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  })()
  return {
    input,
    stop: async () => {
      stopped = true
      await done
      return input
    },
  }
}

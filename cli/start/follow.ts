/** Takes documents in and follows them until both databases hold every result. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from './environment.ts'
import type { InstanceProcess } from './instance-process.ts'
import { type Incoming, takeIn } from './intake.ts'
import { Landed } from './landed.ts'
import { Progress } from './progress.ts'
import type { ReferenceData } from './reference-data.ts'
import { discrepancies, progressLine, type Summary } from './report.ts'
import { sharesEmpty } from './share.ts'
import { Tally } from './tally.ts'

const POLL_MS = 250
/** Nothing moved for this long: something is stuck, and `--once` must say so instead of hanging. */
const STALLED_MS = 180_000

/** What is taken in, and what the pipeline looks up about it. */
export interface Work extends ReferenceData {
  readonly count: number
  documents(): AsyncIterable<Incoming> | Iterable<Incoming>
}

export interface Followed {
  readonly summary: Summary
  /** Of the processed ones: from a vendor the tenant's books know. */
  readonly vendorKnown: number
  /** Documents that the API refused: never received. */
  readonly refused: number
  /** What does not add up; empty when all is well. */
  readonly wrong: readonly string[]
}

export async function follow(environment: Environment, work: Work, instance: InstanceProcess, signal: AbortSignal): Promise<Followed> {
  const tally = new Tally(environment.cluster, environment.config)
  const landed = new Landed(environment)
  const progress = new Progress()
  try {
    await sharesEmpty(environment.share, signal, (line) => progress.show(line))
    await tally.start()
    const begin = performance.now()
    const intake = takeIn(environment, work.documents())
    const done = intake.then((taken) => ({ taken }), (error: unknown) => ({ error }))
    let finished: Awaited<typeof done> | undefined
    void done.then((result) => { finished = result })

    for (;;) {
      signal.throwIfAborted()
      if (finished !== undefined && 'error' in finished) {
        throw finished.error
      }
      const sent = finished?.taken.accepted ?? work.count
      const counts = tally.counts()
      const rows = tally.rows()
      const ended = Object.values(counts.ends).reduce((sum, end) => sum + end, 0)
      const expected = sent + counts.parts
      const atRest = finished !== undefined && counts.received >= expected && ended >= counts.received
      const stuck = progress.quietFor() > STALLED_MS || !instance.running
      const held = atRest || stuck ? { postgres: await landed.postgresql(rows), cassandra: await landed.cassandra(rows) } : { postgres: 0, cassandra: 0 }
      const complete = atRest && held.postgres === rows.length && held.cassandra === rows.length
      progress.show(progressLine(counts, expected) + (atRest ? `  |  in PostgreSQL ${held.postgres}, in Cassandra ${held.cassandra} of ${rows.length}` : ''))
      if (complete || stuck) {
        const seconds = Math.round((performance.now() - begin) / 100) / 10
        const summary: Summary = { received: counts.received, parts: counts.parts, ...counts.ends, ...held, seconds }
        return { summary, vendorKnown: counts.vendorKnown, refused: finished?.taken.refused ?? 0, wrong: discrepancies(summary, sent, counts.received - rows.length) }
      }
      await pause(POLL_MS, undefined, { signal })
    }
  } finally {
    progress.end()
    await Promise.all([tally.close(), landed.close()])
  }
}

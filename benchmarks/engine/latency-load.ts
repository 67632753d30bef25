/**
 * The other side of the latency workload, in a process of its own: writes events at a fixed rate and reads what the
 * engine makes of them. Open loop: every event carries the time it was due, whether or not it could be written then, so
 * a broker or generator that stalls shows as latency and is not left out. Prints one JSON object.
 */
import process from 'node:process'
import type { LatencyLoadResult, LatencySettings } from './latency.ts'
import { EventSequence, encodeEvent, PARTITIONS, partitionOf, truth } from './events.ts'
import { percentile } from './report.ts'
import { BenchmarkTopics } from './topics.ts'
import { StateCheck } from './workloads/keyed-rmw.ts'

/** Events that are due are written together so often, as a producer with this linger does. */
const TICK_MILLISECONDS = 2
/** What is still missing so long after the last event was written is taken for lost. */
const DRAIN_LIMIT_MILLISECONDS = 30_000

const settings = JSON.parse(process.argv[2]!) as LatencySettings
const { input, output, keys, ratePerSecond, warmUpSeconds, seconds } = settings
const total = ratePerSecond * (warmUpSeconds + seconds)
const topics = new BenchmarkTopics(settings.bootstrapServers)

function nowMicroseconds(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000)
}

const check = new StateCheck(truth(total, keys))
const latencies: number[] = []
const begin = nowMicroseconds() + 200_000
const measuredFrom = begin + warmUpSeconds * 1e6
const allRead = Promise.withResolvers<void>()

const reader = topics.cluster.fetcher({
  isolation: 'read_committed',
  onError: (_partition, error) => allRead.reject(error),
  onRecords: ({ cursor }) => {
    const now = nowMicroseconds()
    while (cursor.next()) {
      const value = Buffer.from(cursor.value()!).toString()
      const { at } = JSON.parse(value) as { at: number }
      check.add(Buffer.from(cursor.key()!).toString(), value)
      if (at >= measuredFrom) {
        latencies.push((now - at) / 1000)
      }
    }
    if (check.outputs >= total) {
      allRead.resolve()
    }
  },
})
for (let partition = 0; partition < PARTITIONS; partition++) {
  reader.seek({ topic: output, partition }, 0)
}

const producer = topics.cluster.producer({})
await producer.init()
const writers = () => Array.from({ length: PARTITIONS }, (_, partition) => topics.cluster.writer({ topic: input, partition }))
const events = new EventSequence(keys)
let filling = writers()
let spare = writers()
let sent = 0
while (sent < total) {
  const due = Math.min(total, Math.floor(((nowMicroseconds() - begin) * ratePerSecond) / 1e6) + 1)
  for (; sent < due; sent++) {
    const at = begin + Math.round((sent * 1e6) / ratePerSecond)
    const event = events.next(at)
    filling[partitionOf(event.id)]!.append(Math.floor(at / 1000), Buffer.from(event.id, 'latin1'), encodeEvent(event), [])
  }
  if (filling.some((writer) => writer.count > 0)) {
    const full = filling
    filling = spare
    await producer.produce(full)
    for (const writer of full) {
      writer.reset()
    }
    spare = full
  }
  await new Promise((resolve) => setTimeout(resolve, TICK_MILLISECONDS))
  if (sent === total) {
    break
  }
}
const limit = setTimeout(() => allRead.resolve(), DRAIN_LIMIT_MILLISECONDS)
await allRead.promise
clearTimeout(limit)

latencies.sort((a, b) => a - b)
const result: LatencyLoadResult = {
  sent,
  received: check.outputs,
  p50Ms: percentile(latencies, 0.5),
  p90Ms: percentile(latencies, 0.9),
  p99Ms: percentile(latencies, 0.99),
  p999Ms: percentile(latencies, 0.999),
  maxMs: latencies.at(-1) ?? Number.NaN,
  problems: check.problems(),
}
process.stdout.write(`${JSON.stringify(result)}\n`)
await reader.close()
await producer.close()
await topics.close()

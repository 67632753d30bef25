import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaCluster } from 'millrace/kafka'
import { ConnectorError } from './errors.ts'
import { findPoison, type PoisonRecord } from './probe.ts'
import { copyToDeadLetters, readRawRecord } from './raw-records.ts'
import type { ConnectRest } from './rest.ts'

const POLL_MS = 250
/** A stop waits for the worker's tasks; one that hangs must not hold the runbook for ever. */
const STOP_TIMEOUT_MS = 60_000

/**
 * The runbook for a sink that a record blocks: find the record, copy it with its cause to the sink's dead-letter topic,
 * move the sink past it, let it go on. In that order, so that a crash in between leaves a record twice in the dead
 * letters at worst. Records before the poison were written by the probe; the sink writes them again or skips them,
 * which is the same.
 *
 * @returns the records that were set aside
 * @throws ConnectorError NOTHING_TO_SKIP when no record blocks the sink
 */
export async function skipPoison(rest: ConnectRest, cluster: KafkaCluster, sink: string): Promise<PoisonRecord[]> {
  const found = await findPoison(rest, cluster, sink)
  if (found.length === 0) {
    throw new ConnectorError('NOTHING_TO_SKIP', `No record blocks "${sink}": a probe wrote everything it is behind on. Restart it.`)
  }
  const topic = (await rest.settings(sink))?.['errors.deadletterqueue.topic.name']
  if (topic === undefined) {
    throw new ConnectorError('SKIP_FAILED', `"${sink}" has no dead-letter topic (errors.deadletterqueue.topic.name): nothing is thrown away.`)
  }
  const poison: PoisonRecord[] = []
  for (const at of found) {
    const record = await readRawRecord(cluster, at)
    await copyToDeadLetters(cluster, topic, record, {
      '__connect.errors.topic': at.topic,
      '__connect.errors.partition': String(at.partition),
      '__connect.errors.offset': String(record.offset),
      '__connect.errors.connector.name': sink,
      '__connect.errors.stage': 'TASK_PUT',
      '__connect.errors.exception.message': `The sink could not write this record alone: ${at.failure.summary}`
    })
    poison.push({ ...at, offset: record.offset })
  }
  await rest.stop(sink)
  const until = Date.now() + STOP_TIMEOUT_MS
  while ((await rest.status(sink))?.connector.state !== 'STOPPED') {
    if (Date.now() > until) {
      throw new ConnectorError('SKIP_FAILED', `"${sink}" did not stop in ${STOP_TIMEOUT_MS / 1000} s; nothing was skipped.`)
    }
    await delay(POLL_MS)
  }
  try {
    await rest.moveSink(sink, poison.map(({ topic: source, partition, offset }) => ({ topic: source, partition, offset: offset + 1 })))
  } finally {
    await rest.resume(sink)
  }
  return poison
}

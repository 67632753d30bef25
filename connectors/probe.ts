import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaCluster } from 'millrace/kafka'
import type { ConnectorSettings } from './config.ts'
import { ConnectorError } from './errors.ts'
import { type TaskFailure, taskFailure } from './failure.ts'
import { partitionBounds } from './raw-records.ts'
import type { ConnectRest, SinkOffset } from './rest.ts'

/** A record a sink cannot write. */
export interface PoisonRecord extends SinkOffset {
  failure: TaskFailure
}

export interface ProbeOptions {
  /** How long one partition may take. Default 3 minutes: a healthy probe commits every `offset.flush.interval.ms`. */
  timeoutMs?: number
}

const POLL_MS = 250

/**
 * Finds the first poison record of every partition a failing sink is behind on. A probe, a second connector with the
 * same settings and a consumer group of its own, writes one record at a time from where the sink stands, one partition
 * at a time, so a failure can only be that record's. The sink itself is not touched, and what the probe writes the sink
 * would have written: writing it again changes nothing. When the probe dies half-way nothing is lost.
 *
 * @returns empty when the probe got through everywhere: then no record is at fault
 * @throws ConnectorError SKIP_FAILED when the store does not answer or the probe does not end
 */
export async function findPoison(rest: ConnectRest, cluster: KafkaCluster, sink: string, options: ProbeOptions = {}): Promise<PoisonRecord[]> {
  const settings = await rest.settings(sink)
  if (settings?.['topics'] === undefined) {
    throw new ConnectorError('CONNECTOR_UNKNOWN', `There is no sink "${sink}" with a list of topics.`)
  }
  const topics = settings['topics'].split(',').map((topic) => topic.trim())
  const bounds = await partitionBounds(cluster, topics)
  const committed = new Map((await rest.sinkOffsets(sink)).map((at) => [`${at.topic}-${at.partition}`, at.offset]))
  const behind = bounds
    .map(({ begin, ...bound }) => ({ ...bound, offset: Math.max(committed.get(`${bound.topic}-${bound.partition}`) ?? begin, begin) }))
    .filter(({ offset, end }) => offset < end)
  const poison: PoisonRecord[] = []
  for (const partition of behind) {
    const start = bounds.map((bound) => ({ topic: bound.topic, partition: bound.partition, offset: bound.end }))
    start.find((at) => at.topic === partition.topic && at.partition === partition.partition)!.offset = partition.offset
    const found = await probe(rest, sink, settings, start, partition, options.timeoutMs ?? 180_000)
    if (found !== undefined) {
      poison.push(found)
    }
  }
  return poison
}

async function probe(rest: ConnectRest, sink: string, settings: ConnectorSettings, start: SinkOffset[], watched: SinkOffset & { end: number }, timeoutMs: number): Promise<PoisonRecord | undefined> {
  const name = `${sink}-probe`
  await removeProbe(rest, name)
  await rest.createStopped(name, probeSettings(settings))
  try {
    await rest.moveSink(name, start)
    await rest.resume(name)
    const until = Date.now() + timeoutMs
    for (;;) {
      const status = await rest.status(name)
      const failed = status?.tasks.find((task) => task.state === 'FAILED')
      const at = (await rest.sinkOffsets(name)).find((offset) => offset.topic === watched.topic && offset.partition === watched.partition)
      const offset = at?.offset ?? watched.offset
      if (failed !== undefined) {
        const failure = taskFailure(failed.trace)
        if (failure.kind === 'store') {
          throw new ConnectorError('SKIP_FAILED', `The store of "${sink}" does not take records now (${failure.summary}): no record is to blame for that.`)
        }
        return { topic: watched.topic, partition: watched.partition, offset, failure }
      }
      if (offset >= watched.end) {
        return undefined
      }
      if (Date.now() > until) {
        throw new ConnectorError('SKIP_FAILED', `The probe of "${sink}" neither failed nor ended in ${timeoutMs / 1000} s; it stands at ${watched.topic}-${watched.partition} offset ${offset}.`)
      }
      await delay(POLL_MS)
    }
  } finally {
    await removeProbe(rest, name)
  }
}

/** One record at a time, no retries, and nothing of it in the dead letters, where the sink puts it itself. */
function probeSettings({ name: _name, ...settings }: ConnectorSettings): ConnectorSettings {
  const kept = Object.fromEntries(Object.entries(settings).filter(([setting]) => !setting.startsWith('errors.deadletterqueue.')))
  return {
    ...kept,
    'tasks.max': '1',
    'batch.size': '1',
    'flush.max.retries': '0',
    'consumer.override.max.poll.records': '1',
    'errors.log.enable': 'false'
  }
}

/** Also forgets its consumer group, so that a later probe begins where it is told to. */
async function removeProbe(rest: ConnectRest, name: string): Promise<void> {
  if ((await rest.settings(name)) === undefined) {
    return
  }
  await rest.stop(name)
  for (let tries = 0; (await rest.status(name))?.connector.state !== 'STOPPED' && tries < 120; tries++) {
    await delay(POLL_MS)
  }
  await rest.resetOffsets(name)
  await rest.remove(name)
}

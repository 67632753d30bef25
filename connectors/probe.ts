import type { KafkaCluster } from 'millrace/kafka'
import type { ConnectorSettings } from './config.ts'
import { ConnectorError } from './errors.ts'
import { type TaskFailure, taskFailure } from './failure.ts'
import { partitionBounds } from './raw-records.ts'
import { type ConnectRest, pause, type SinkOffset } from './rest.ts'

/** A record a sink cannot write. */
export interface PoisonRecord extends SinkOffset {
  failure: TaskFailure
}

const POLL_MS = 250
/** A partition whose probe neither fails nor gets on must not hold the others: a healthy one commits every `offset.flush.interval.ms`. */
const PROBE_TIMEOUT_MS = 180_000
/** A worker that does not answer must not hold whoever gives up; the next probe removes one that was left behind. */
const REMOVE_TIMEOUT_MS = 10_000

/**
 * Finds the first poison record of every partition a failing sink is behind on. A probe, a second connector with the
 * same settings and a consumer group of its own, writes one record at a time from where the sink stands, one partition
 * at a time, so a failure can only be that record's. The sink itself is not touched, and what the probe writes the sink
 * would have written: writing it again changes nothing. When the probe dies half-way nothing is lost.
 *
 * @param signal gives up: the probe is removed
 * @returns empty when the probe got through everywhere: then no record is at fault
 * @throws ConnectorError SKIP_FAILED when the store does not answer or the probe does not end, CONNECT_ABORTED
 */
export async function findPoison(rest: ConnectRest, cluster: KafkaCluster, sink: string, signal?: AbortSignal): Promise<PoisonRecord[]> {
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
    const found = await probe(rest, sink, settings, start, partition, signal)
    if (found !== undefined) {
      poison.push(found)
    }
  }
  return poison
}

async function probe(rest: ConnectRest, sink: string, settings: ConnectorSettings, start: SinkOffset[], watched: SinkOffset & { end: number }, signal: AbortSignal | undefined): Promise<PoisonRecord | undefined> {
  const name = `${sink}-probe`
  const abortable = signal === undefined ? rest : rest.withSignal(signal)
  await removeProbe(abortable, name)
  try {
    await abortable.createStopped(name, probeSettings(settings))
    await abortable.moveSink(name, start)
    await abortable.resume(name)
    const until = Date.now() + PROBE_TIMEOUT_MS
    for (;;) {
      const status = await abortable.status(name)
      const failed = status?.tasks.find((task) => task.state === 'FAILED')
      const at = (await abortable.sinkOffsets(name)).find((offset) => offset.topic === watched.topic && offset.partition === watched.partition)
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
        throw new ConnectorError('SKIP_FAILED', `The probe of "${sink}" neither failed nor ended in ${PROBE_TIMEOUT_MS / 1000} s; it stands at ${watched.topic}-${watched.partition} offset ${offset}.`)
      }
      await pause(POLL_MS, signal)
    }
  } finally {
    await removeProbe(signal?.aborted === true ? rest.withSignal(AbortSignal.timeout(REMOVE_TIMEOUT_MS)) : rest, name)
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
    await pause(POLL_MS, undefined)
  }
  await rest.resetOffsets(name)
  await rest.remove(name)
}

/**
 * `millrace parked list`: keys that wait for a person, as the in-flight changelogs have them: also of applications that are
 * stopped or out of reach; or as running instances say (`parked-door.ts`, which releases and drops them, too).
 */
import { ATTEMPT_ROW, type AttemptRow, decodeAttemptRow, decodePayload, PAYLOAD_ROW } from '../async/entry.ts'
import { orphanedInFlightTopics, rowOf } from '../async/orphans.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { type Command, type ExitCode, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, withCluster } from './connection.ts'
import { letterRanges, readLetters } from './dead-letter-topic.ts'
import { DOOR_HELP, DOOR_OPTIONS, parkedDoors } from './parked-door.ts'
import { FORMAT_HELP, FORMAT_OPTION, printRows, wantsJson } from './text-table.ts'

interface PendingRow {
  readonly partition: number
  readonly operator: string
  readonly admission: number
  /** Of the record it was. */
  origin?: string
  attempts?: AttemptRow
}

export const parkedList: Command = {
  name: 'parked list',
  summary: 'keys of asynchronous operators that wait for a person',
  usage: '(APPLICATION | --url URL) [--operator NAME]',
  help: `Reads the in-flight changelogs of the application, running or not: what is committed there. The failed record of each key is
shown, with how often it was tried and since when it waits. With --url instances are asked instead, which know the IDs by which
parked release and parked drop let keys go on; an ID is the serialized key (base64url).

  --operator NAME[,…]   only keys of these operators
${DOOR_HELP}
${FORMAT_HELP}
${CONNECTION_HELP}`,
  options: { ...CONNECTION_OPTIONS, ...FORMAT_OPTION, ...DOOR_OPTIONS },
  positionals: [0, 1],
  run: async (args, out) => {
    const json = wantsJson(args)
    const doors = parkedDoors(args)
    if ((doors.length === 0) === (args.positionals.length === 0)) {
      throw new UsageError('parked list needs APPLICATION, or --url')
    }
    if (doors.length > 0) {
      const operators = args.list('operator')
      const keys = (await Promise.all(doors.map((door) => door.keys()))).flat().filter(({ operator }) => operators.length === 0 || operators.includes(operator))
      const cells = keys.map((key) => [key.operator, key.taskId, key.id, `${key.topic}:${key.partition}:${key.offset}`, key.records, key.failure || '-', key.attempts, new Date(key.parkedAt).toISOString()])
      printRows(out, json, ['OPERATOR', 'TASK', 'ID', 'RECORD', 'RECORDS', 'FAILURE', 'TRIES', 'SINCE'], cells, 'no key is parked')
      return 0
    }
    return withCluster<ExitCode>(args, out, async (cluster) => {
      const operators = args.list('operator')
      const rows = (await parkedRows(cluster, args.positionals[0]!)).filter(({ operator }) => operators.length === 0 || operators.includes(operator))
      const cells = rows.map(({ operator, partition, origin, attempts }) => [operator, partition, origin ?? '-', attempts!.failure || '-', attempts!.attempts, new Date(attempts!.parkedAt).toISOString()])
      printRows(out, json, ['OPERATOR', 'PARTITION', 'RECORD', 'FAILURE', 'TRIES', 'SINCE'], cells, 'no key is parked')
      return 0
    })
  },
}

/** The failed records of parked keys, in the order they were admitted. */
async function parkedRows(cluster: KafkaCluster, applicationId: string): Promise<PendingRow[]> {
  const topics = orphanedInFlightTopics(applicationId, new Set(), await cluster.admin().listTopics())
  const found: PendingRow[] = []
  for (const topic of topics) {
    const rows = new Map<string, PendingRow>()
    await readLetters(cluster, await letterRanges(cluster, topic), ({ partition, key, value }) => {
      const name = rowOf(applicationId, topic, key)
      if (name === undefined) {
        return true
      }
      const id = `${partition} ${name.admission}`
      const row = rows.get(id) ?? { partition, operator: name.operator, admission: name.admission }
      if (name.kind === PAYLOAD_ROW && value === null) {
        rows.delete(id)
      } else if (name.kind === PAYLOAD_ROW) {
        const payload = decodePayload(value!)
        rows.set(id, { ...row, origin: `${payload.topic}:${payload.partition}:${payload.offset}` })
      } else if (name.kind === ATTEMPT_ROW && (value !== null || rows.has(id))) {
        rows.set(id, { ...row, attempts: value === null ? undefined : decodeAttemptRow(value) })
      }
      return true
    })
    found.push(...[...rows.values()].filter(({ origin, attempts }) => origin !== undefined && attempts !== undefined && attempts.parkedAt > 0))
  }
  return found
}

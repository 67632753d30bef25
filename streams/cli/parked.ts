/**
 * `millrace parked list`: keys that wait for a person, as the in-flight changelogs have them: also of applications that are
 * stopped or out of reach. Releasing and dropping is the application's own (`KafkaStreams.releaseParked`, `dropParked`).
 */
import { ATTEMPT_ROW, type AttemptRow, decodeAttemptRow, decodePayload, PAYLOAD_ROW } from '../async/entry.ts'
import { orphanedInFlightTopics, rowOf } from '../async/orphans.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import type { Command, ExitCode } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, withCluster } from './connection.ts'
import { letterRanges, readLetters } from './dead-letter-topic.ts'
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
  usage: 'APPLICATION [--operator NAME]',
  help: `Reads the in-flight changelogs of the application, running or not: what is committed there. The failed record of each key is
shown, with how often it was tried and since when it waits. KafkaStreams.releaseParked and dropParked let it go on.

  --operator NAME[,…]   only keys of these operators
${FORMAT_HELP}
${CONNECTION_HELP}`,
  options: { ...CONNECTION_OPTIONS, ...FORMAT_OPTION, operator: { type: 'string', multiple: true } },
  positionals: [1, 1],
  run: async (args, out) => {
    const json = wantsJson(args)
    return withCluster<ExitCode>(args, async (cluster) => {
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

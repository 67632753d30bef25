/** `millrace groups`: the applications of a cluster; who is in one, and how far it has read. */
import type { CommittedOffset, GroupDescription, KafkaCluster } from '../kafka/contract.ts'
import { decodeAssignment, decodeSubscription, PROTOCOL_NAME } from '../membership/protocol.ts'
import { COMMITTER, decodeOffsetMetadata } from '../runtime/offset-metadata.ts'
import type { Command, Output } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, withCluster } from './connection.ts'
import { type Cell, FORMAT_HELP, FORMAT_OPTION, printRows, textTable, wantsJson } from './text-table.ts'

const OFFSETS = ['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'STREAM TIME']
/** Groups asked about at the same time. */
const PARALLEL = 8

export const groups: Command = {
  name: 'groups',
  summary: 'applications of the cluster; with one: its members, tasks, offsets and lag',
  usage: '[APPLICATION] [--all]',
  help: `Without APPLICATION: every group that is a Millrace application, running or stopped.
  --all                 other groups, too
${FORMAT_HELP}; with APPLICATION the offsets
${CONNECTION_HELP}`,
  options: { ...CONNECTION_OPTIONS, ...FORMAT_OPTION, all: { type: 'boolean' } },
  positionals: [0, 1],
  run: async (args, out) => {
    const json = wantsJson(args)
    return withCluster(args, out, async (cluster) => {
      const [application] = args.positionals
      if (application === undefined) {
        await list(cluster, args.flag('all'), json, out)
        return 0
      }
      return show(cluster, application, json, out)
    })
  },
}

async function list(cluster: KafkaCluster, all: boolean, json: boolean, out: Output): Promise<void> {
  const admin = cluster.admin()
  const found = await admin.listGroups()
  const rows: Cell[][] = []
  for (let i = 0; i < found.length; i += PARALLEL) {
    const described = await Promise.all(
      found.slice(i, i + PARALLEL).map(async (group) => {
        const description = await admin.describeGroup(group.groupId)
        return { group, description, ours: await isOurs(cluster, description) }
      }),
    )
    for (const { group, description, ours } of described.filter((one) => one.ours || all)) {
      // Groups of the newer protocols are listed with their state, and described as Dead.
      rows.push([group.groupId, description.state === 'Dead' ? group.state : description.state, description.members.length, ours ? 'millrace' : description.protocol || group.protocolType || '-'])
    }
  }
  printRows(out, json, ['GROUP', 'STATE', 'MEMBERS', 'KIND'], rows, 'there are no such groups')
}

/** A stopped application has no protocol: what it committed bears its mark. */
async function isOurs(cluster: KafkaCluster, { groupId, protocol, members }: GroupDescription): Promise<boolean> {
  if (members.length > 0) {
    return protocol === PROTOCOL_NAME
  }
  return (await cluster.admin().groupOffsets(groupId)).some(({ metadata }) => committerOf(metadata) !== undefined)
}

/** Transactional id of whoever committed; undefined for other applications' metadata. */
export function committerOf(metadata: string): string | undefined {
  try {
    return decodeOffsetMetadata(metadata).extras.get(COMMITTER)
  } catch {
    return undefined
  }
}

async function show(cluster: KafkaCluster, application: string, json: boolean, out: Output): Promise<0 | 1> {
  const admin = cluster.admin()
  const [group, offsets] = await Promise.all([admin.describeGroup(application), admin.groupOffsets(application)])
  if (group.state === 'Dead' && offsets.length === 0) {
    out.remark(`there is no group ${application}`)
    return 1
  }
  const { rows, total } = await lagRows(cluster, offsets)
  if (json) {
    printRows(out, json, OFFSETS, rows, '')
    return 0
  }
  out.line(`${application}: ${group.state}, ${group.members.length} member${group.members.length === 1 ? '' : 's'}`)
  if (group.members.length > 0) {
    out.line(`\n${textTable(['MEMBER', 'HOST', 'PROCESS', 'THREAD', 'TASKS'], group.members.map((member) => memberRow(group, member)))}`)
  }
  if (offsets.length > 0) {
    out.line(`\n${textTable(OFFSETS, rows)}\ntotal lag: ${total}`)
  }
  return 0
}

function memberRow(group: GroupDescription, { memberId, clientHost, metadata, assignment }: GroupDescription['members'][number]): Cell[] {
  if (group.protocol !== PROTOCOL_NAME) {
    return [memberId, clientHost, '-', '-', '-']
  }
  const { processId, thread } = decodeSubscription(metadata)
  const { tasks } = decodeAssignment(assignment)
  return [memberId, clientHost, processId, thread, tasks.map(({ subtopology, partition }) => `${subtopology}_${partition}`).sort().join(' ') || '-']
}

async function lagRows(cluster: KafkaCluster, offsets: readonly CommittedOffset[]): Promise<{ readonly rows: readonly (readonly Cell[])[]; readonly total: number }> {
  const sorted = [...offsets].sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  const known = await cluster.metadata([...new Set(sorted.map(({ topic }) => topic))], { fresh: true })
  const there = sorted.filter(({ topic, partition }) => known.get(topic)?.partitions.some((one) => one.partition === partition) === true)
  const ends = await cluster.listOffsets(there, 'latest', 'read_committed')
  let total = 0
  const rows = sorted.map(({ topic, partition, offset, metadata }) => {
    const end = ends.get(`${topic}-${partition}`)
    const lag = end === undefined ? undefined : Math.max(0, end - offset)
    total += lag ?? 0
    const time = partitionTime(metadata)
    return [topic, partition, offset, end ?? '-', lag ?? '-', time]
  })
  return { rows, total }
}

function partitionTime(metadata: string): string {
  try {
    const { partitionTime: time } = decodeOffsetMetadata(metadata)
    return time < 0 ? '-' : new Date(time).toISOString()
  } catch {
    return '-'
  }
}

/**
 * Who watches whom (rule C6): the processes of a group form a ring by their ids, and each watches its successors. Every
 * process has a few watchers, whatever the size of the group.
 */
import type { Endpoint } from './endpoint.ts'
import type { Member, PeerProcess } from './types.ts'

/** Two may die together and the third still sees it; 1,000 processes have 3,000 connections, not half a million. */
const WATCHED = 3

/** Whom each process watches, by the id of the one member of it that is told. Processes without an endpoint are not watched, but watch. */
export function watchedBy(members: readonly Member[]): ReadonlyMap<string, readonly PeerProcess[]> {
  const processes = new Map<string, { processId: string; endpoint: Endpoint; members: PeerProcess['members'][number][] }>()
  for (const { processId, endpoint, memberId, transactionalId } of members) {
    if (endpoint !== undefined) {
      const process = processes.get(processId) ?? { processId, endpoint, members: [] }
      process.members.push({ memberId, transactionalId: transactionalId ?? '' })
      processes.set(processId, process)
    }
  }
  const ring = [...processes.values()].sort((a, b) => (a.processId < b.processId ? -1 : 1))
  const result = new Map<string, readonly PeerProcess[]>()
  const leads = new Map<string, string>()
  for (const { processId, memberId } of members) {
    if (!leads.has(processId)) {
      leads.set(processId, memberId)
    }
  }
  for (const [watcher, memberId] of leads) {
    const after = ring.findIndex((process) => process.processId > watcher)
    const from = Math.max(after, 0)
    const successors = [...ring.slice(from), ...ring.slice(0, from)].filter((process) => process.processId !== watcher)
    result.set(memberId, successors.slice(0, WATCHED))
  }
  return result
}

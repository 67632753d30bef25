/** Whether the local copy of a store may be used (rule A3): a pure judgement on what the database and the broker say. */
import type { ChangelogPosition } from 'millrace-state-stores'

export interface ChangelogFacts {
  readonly topicId: string
  readonly logStart: number
  /** High watermark, taken after the committed offsets were read (rule A1). */
  readonly highWatermark: number
  /** End offset of the copy's last leader epoch in the leader's log; undefined: not asked or not known. */
  readonly epochEnd: number | undefined
  /** `delete.retention.ms` of the changelog. */
  readonly tombstonesMs: number
  /** Nobody but the engine writes to it, transactions with a marker behind each: not a source topic that is read as a table. */
  readonly own: boolean
  /** It is deleted from, not only compacted: it may become empty by itself. */
  readonly forgets: boolean
  readonly now: number
}

/**
 * `fresh`: nothing is here, restore from the log's start. `use`: replay the tail. `rebuild`: under a new prefix, the old
 * rows are deleted once it is done. The last two refuse: the copy may be the only one left.
 */
export type CopyVerdict = 'fresh' | 'use' | 'rebuild' | 'recreated' | 'emptied'

/** Time for clocks to differ and a restore to finish before the broker may drop a tombstone. */
const MARGIN_MS = 3_600_000

export function judgeCopy(position: ChangelogPosition | undefined, facts: ChangelogFacts): CopyVerdict {
  if (position === undefined) {
    return 'fresh'
  }
  if (position.topicId !== facts.topicId) {
    return position.offset > 0 ? 'recreated' : 'rebuild'
  }
  if (position.offset > facts.highWatermark || (facts.epochEnd !== undefined && facts.epochEnd >= 0 && facts.epochEnd < position.offset)) {
    return facts.highWatermark === 0 && position.offset > 0 ? 'emptied' : 'rebuild'
  }
  const behind = facts.highWatermark - position.offset
  if (position.offset < facts.logStart) {
    if (facts.own && behind === 1) {
      // Whole but for the marker of the last transaction, and all there is: the log, in which retention has left nothing, gives nothing.
      return 'use'
    }
    return facts.own && !facts.forgets && facts.logStart === facts.highWatermark ? 'emptied' : 'rebuild'
  }
  const margin = Math.min(MARGIN_MS, facts.tombstonesMs / 10)
  // One offset behind is the marker of the last transaction; it deletes nothing.
  if (behind > 1 && facts.now - position.appliedAt > facts.tombstonesMs - margin) {
    return 'rebuild'
  }
  return 'use'
}

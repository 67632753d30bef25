/**
 * The states of a document and the one table of what may follow what.
 *
 * RECEIVED → DEDUPLICATED → TEXT_READ → CLASSIFIED → EXTRACTED → VALIDATED → ENRICHED → ARCHIVED is the way of most; a mail
 * or an archive is UNFOLDED before its text, if it has one, is read. Any step may end a document in review or, when its tries are used up,
 * as a dead letter. A correction re-enters at validation. Erased is for ever.
 */
export type LifecycleState =
  | 'RECEIVED'
  | 'DEDUPLICATED'
  | 'UNFOLDED'
  | 'TEXT_READ'
  | 'CLASSIFIED'
  | 'EXTRACTED'
  | 'VALIDATED'
  | 'ENRICHED'
  | 'ARCHIVED'
  | 'REJECTED'
  | 'DUPLICATE'
  | 'IN_REVIEW'
  | 'CORRECTED'
  | 'DEAD_LETTERED'
  | 'ERASED'

/** `none`: no record of this document is there yet. */
export const transitions: Readonly<Record<LifecycleState | 'none', readonly LifecycleState[]>> = {
  none: ['RECEIVED', 'REJECTED', 'DEAD_LETTERED'],
  RECEIVED: ['DEDUPLICATED', 'DUPLICATE', 'REJECTED', 'DEAD_LETTERED', 'ERASED'],
  DEDUPLICATED: ['UNFOLDED', 'TEXT_READ', 'REJECTED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  // A mail has a text of its own; of an archive nothing is left to do.
  UNFOLDED: ['TEXT_READ', 'ARCHIVED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  TEXT_READ: ['CLASSIFIED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  CLASSIFIED: ['EXTRACTED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  EXTRACTED: ['VALIDATED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  VALIDATED: ['ENRICHED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  // Fields decide whether it was here before in other bytes, so that is seen last.
  ENRICHED: ['ARCHIVED', 'IN_REVIEW', 'DUPLICATE', 'DEAD_LETTERED', 'ERASED'],
  // Again: the same document reprocessed (a replay, an override) begins anew and gets a higher revision.
  ARCHIVED: ['RECEIVED', 'CORRECTED', 'ERASED'],
  REJECTED: ['RECEIVED', 'ERASED'],
  // A person said that it is none: one that was never read goes on to be read, the other is validated again.
  DUPLICATE: ['RECEIVED', 'DEDUPLICATED', 'CORRECTED', 'ERASED'],
  IN_REVIEW: ['CORRECTED', 'RECEIVED', 'REJECTED', 'ARCHIVED', 'DUPLICATE', 'ERASED'],
  CORRECTED: ['VALIDATED', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'],
  DEAD_LETTERED: ['RECEIVED', 'ERASED'],
  ERASED: [],
}

/** Where a document may rest: in one of these it is counted as ended, and written to the stores behind the pipeline. */
export const endStates: ReadonlySet<LifecycleState> = new Set<LifecycleState>(['ARCHIVED', 'REJECTED', 'DUPLICATE', 'IN_REVIEW', 'DEAD_LETTERED', 'ERASED'])

export function mayFollow(from: LifecycleState | undefined, to: LifecycleState): boolean {
  return transitions[from ?? 'none'].includes(to)
}

export { businessKey, contentKey, decide } from './dedupe.ts'
export type { DedupeDecision, DedupeInput, DuplicatePolicy, FirstSeen } from './dedupe.ts'

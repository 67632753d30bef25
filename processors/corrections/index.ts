export { applyChanges, maxChanges } from './apply.ts'
export type { Applied, AppliedChange, ChangeProblem, Understood, WantedChange } from './apply.ts'
export { decideCorrection, DUPLICATE_OF, LIKENESS_REASONS, mayDecide } from './decide.ts'
export type { CorrectionDecision, CorrectionRefusal, CorrectionRequest, ReviewDecision } from './decide.ts'

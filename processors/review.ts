import type { Classification, DocumentText, ReviewReason, Validation } from './types.ts'

export interface ReviewThresholds {
  /** Below this probability of its type a person looks. Default 0.5. */
  readonly minProbability: number
  /** Below this quality of recognition a person looks. Default 0.4. */
  readonly minTextQuality: number
}

export const defaultReviewThresholds: ReviewThresholds = { minProbability: 0.5, minTextQuality: 0.4 }

/**
 * Why a person has to look at a document; empty: nobody has to. Reasons carry codes and field names only. Of a document without `text` a person
 * has seen the pages: no doubt about reading them is left, only what contradicts the rules.
 */
export function reasonsForReview(
  parts: { readonly text: Pick<DocumentText, 'issues' | 'quality'> | undefined; readonly classification: Classification; readonly validation: Validation },
  thresholds: Partial<ReviewThresholds> = {},
): ReviewReason[] {
  const { minProbability, minTextQuality } = { ...defaultReviewThresholds, ...thresholds }
  const { text, classification, validation } = parts
  return [
    ...(text === undefined ? [] : doubts(text, classification, minProbability, minTextQuality)),
    ...validation.results
      .filter((result) => result.severity === 'hard' && result.outcome === 'failed')
      .map((result) => ({ code: 'RULE_FAILED', step: 'validate', subject: result.ruleId })),
  ]
}

function doubts(text: Pick<DocumentText, 'issues' | 'quality'>, classification: Classification, minProbability: number, minTextQuality: number): ReviewReason[] {
  return [
    ...text.issues.map((issue) => ({ code: 'UNREADABLE_PAGE', step: 'text', subject: `page ${issue.page}: ${issue.code}` })),
    ...(text.quality < minTextQuality ? [{ code: 'LOW_TEXT_QUALITY', step: 'text', subject: 'pages' }] : []),
    ...(classification.probability < minProbability ? [{ code: 'LOW_PROBABILITY', step: 'classify', subject: 'type' }] : []),
  ]
}

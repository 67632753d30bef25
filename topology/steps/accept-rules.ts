import type { AsyncProcessor } from 'millrace'
import type { RuleSet, RuleSetRefusal } from '../../avro/types.ts'
import { checkWithExamples, type RuleSetError } from '../../processors/validate/index.ts'
import { fromWireRuleSet, ruleSetKey, toWireRefusal } from '../rule-sets.ts'

/** What becomes of a rule set somebody wrote. Null deletes: a set that is no more, a refusal that is past. */
export type RuleSetVerdict = { readonly kind: 'accepted'; readonly value: RuleSet | null } | { readonly kind: 'refused'; readonly value: RuleSetRefusal | null }

export const isVerdict = <K extends RuleSetVerdict['kind']>(kind: K) =>
  (_key: string, verdict: RuleSetVerdict): verdict is Extract<RuleSetVerdict, { kind: K }> => verdict.kind === kind

/**
 * Checks a rule set and runs its examples. A good one is written to what is in force; of a bad one only the refusal is written, so that
 * the last good one stays where it is.
 */
export function acceptRules(): AsyncProcessor<string, RuleSet | null, { readonly key: string; readonly set: RuleSet | null }, readonly RuleSetError[], RuleSetVerdict> {
  return {
    prepare: ({ key, value }) => ({ key, set: value }),
    call: async ({ key, set }) => {
      if (set === null) {
        return []
      }
      if (key !== ruleSetKey(set.tenantId, set.ruleSetId)) {
        return [{ field: 'key', reason: 'tenantId|ruleSetId of the record itself expected' }]
      }
      return checkWithExamples(fromWireRuleSet(set))
    },
    complete: (errors, record, context) => {
      const forward = (value: RuleSetVerdict): void => context.forward({ ...record, value })
      if (record.value !== null && errors.length > 0) {
        forward({ kind: 'refused', value: toWireRefusal(record.value, errors, context.currentSystemTimeMs()) })
        return
      }
      forward({ kind: 'accepted', value: record.value })
      forward({ kind: 'refused', value: null })
    },
  }
}

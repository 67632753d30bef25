import { extractionOf } from './examples.ts'
import type { RuleSet, RuleSetError } from './rule-set.ts'
import { checkRuleSet } from './rule-set.ts'
import { createValidator } from './validate.ts'

/**
 * Everything that is wrong with a rule set, its examples run: what stands between a set that somebody wrote and its use. Takes anything.
 * An example that does not hold is an error of its place, `examples[2].expect.small-only`. Awaits only because the rule engine does.
 */
export async function checkWithExamples(ruleSet: unknown): Promise<readonly RuleSetError[]> {
  const errors = checkRuleSet(ruleSet)
  if (errors.length > 0) {
    return errors
  }
  const set = ruleSet as RuleSet
  const validator = createValidator(set)
  for (const [n, { name, document, expect }] of (set.examples ?? []).entries()) {
    const { results } = await validator.validate({ type: document.type, extraction: extractionOf(document), receivedDay: document.receivedDay })
    for (const [ruleId, expected] of Object.entries(expect)) {
      // a rule that is not for this type of document is not among the results
      const outcome = results.find((result) => result.ruleId === ruleId)?.outcome ?? 'not-applicable'
      if (outcome !== expected) {
        errors.push({ field: `examples[${n}].expect.${ruleId}`, reason: `${expected} expected in "${name}", the rule says ${outcome}` })
      }
    }
  }
  return errors.slice(0, 50)
}

/**
 * Rule sets as records: between what `processors/validate` takes and the wire, and which of a tenant's sets is for a document.
 * Conditions and example documents travel as JSON texts.
 */
import type * as wire from '../avro/types.ts'
import type { RuleSet, RuleSetError } from '../processors/validate/index.ts'

/** A tenant whose record names no rule set has this one, if there is one, and the built-in rules otherwise. */
export const DEFAULT_RULE_SET = 'default'

export const ruleSetKey = (tenantId: string, ruleSetId: string): string => `${tenantId}|${ruleSetId}`

/** The set for one type of document, which takes the place of the tenant's general one for that type. */
export const ruleSetIdOfType = (ruleSetId: string, type: string): string => `${ruleSetId}-${type}`

/** The keys under which a tenant's rules for a type may be, the first that is there counts. */
export function ruleSetKeys(tenantId: string, ruleSet: string | null, type: string): readonly [string, string] {
  const id = ruleSet ?? DEFAULT_RULE_SET
  return [ruleSetKey(tenantId, ruleSetIdOfType(id, type)), ruleSetKey(tenantId, id)]
}

/** @param ruleSet checked before */
export function toWireRuleSet(tenantId: string, ruleSet: RuleSet): wire.RuleSet {
  return {
    tenantId,
    ruleSetId: ruleSet.id,
    version: ruleSet.version,
    rules: ruleSet.rules.map(({ id, version, severity, types, when, require, fields, message }) => ({
      id, version, severity, types: [...(types ?? [])], when: when === undefined ? null : JSON.stringify(when), require: JSON.stringify(require), fields: [...fields], message,
    })),
    examples: (ruleSet.examples ?? []).map(({ name, document, expect }) => ({ name, document: JSON.stringify(document), expect: { ...expect } })),
  }
}

/** What a record says, unchecked; a text that is not JSON becomes `undefined`, which no check lets through. */
export function fromWireRuleSet({ ruleSetId, version, rules, examples }: wire.RuleSet): unknown {
  return {
    id: ruleSetId,
    version,
    rules: rules.map(({ types, when, require, ...rule }) => ({
      ...rule, ...(types.length === 0 ? {} : { types }), ...(when === null ? {} : { when: parsed(when) ?? null }), require: parsed(require),
    })),
    ...(examples.length === 0 ? {} : { examples: examples.map(({ name, document, expect }) => ({ name, document: parsed(document), expect })) }),
  }
}

export function toWireRefusal({ tenantId, ruleSetId, version }: wire.RuleSet, errors: readonly RuleSetError[], at: number): wire.RuleSetRefusal {
  const code = ({ field }: RuleSetError): string => (/^examples\[\d+\]\.expect\./.test(field) ? 'RULE_EXAMPLE_FAILED' : 'RULE_SET_INVALID')
  return { tenantId, ruleSetId, version, at, reasons: errors.map((error) => ({ code: code(error), message: error.reason, field: error.field, limit: null })) }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch {
    return undefined
  }
}

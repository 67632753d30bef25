import type { AsyncProcessor, ValueAndTimestamp } from 'millrace'
import type { RuleSet as WireRuleSet, Tenant } from '../../avro/types.ts'
import type { Validation } from '../../processors/types.ts'
import { createValidator, type Rule, type Validator } from '../../processors/validate/index.ts'
import type { Flow } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import type { ExtractedDocument } from './classify-extract.ts'

export interface ValidatedDocument extends ExtractedDocument {
  readonly validation: Validation
}

interface Input {
  readonly document: ExtractedDocument
  readonly validator: Validator
}

/** Compiled rule sets by tenant and id; bounded by the tenants there are. */
class Validators {
  readonly #builtIn = createValidator()
  readonly #compiled = new Map<string, { readonly source: WireRuleSet; readonly validator: Validator }>()

  /** The tenant's rule set, or the last one of it that could be used, or the built-in one. */
  of(key: string, source: WireRuleSet | undefined): Validator {
    const last = this.#compiled.get(key)
    if (source === undefined || last?.source.version === source.version) {
      return last?.validator ?? this.#builtIn
    }
    let validator = last?.validator ?? this.#builtIn
    try {
      validator = createValidator({ id: source.ruleSetId, version: source.version, rules: source.rules.map(ruleOf) })
    } catch {
      // a rule set that is no rule set changes nothing: the last good one stays
    }
    this.#compiled.set(key, { source, validator })
    return validator
  }
}

function ruleOf(rule: WireRuleSet['rules'][number]): Rule {
  return {
    id: rule.id,
    version: rule.version,
    severity: rule.severity,
    ...(rule.types.length === 0 ? {} : { types: rule.types as NonNullable<Rule['types']> }),
    ...(rule.when === null ? {} : { when: JSON.parse(rule.when) as NonNullable<Rule['when']> }),
    require: JSON.parse(rule.require) as Rule['require'],
    fields: rule.fields,
    message: rule.message,
  }
}

/** Runs the tenant's rules. Awaits only because the rule engine does. */
export function validateStep(tenantStore: string, ruleStore: string): AsyncProcessor<string, ExtractedDocument, Input, Validation, Flow<ValidatedDocument>> {
  const validators = new Validators()
  return {
    prepare: (record, context) => {
      const { tenantId } = record.value.header
      const { ruleSet } = tenantOf(context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore), tenantId)
      const key = `${tenantId}|${ruleSet ?? ''}`
      const source = ruleSet === null ? undefined : context.getStateStore<string, ValueAndTimestamp<WireRuleSet>>(ruleStore).get(key)?.value
      return { document: record.value, validator: validators.of(key, source) }
    },
    call: ({ document, validator }) =>
      validator.validate({
        type: document.classification.type,
        extraction: document.extraction,
        receivedDay: new Date(document.header.receivedAt).toISOString().slice(0, 10),
      }),
    complete: (validation, record, context) => {
      const at = context.currentSystemTimeMs()
      context.forward({ ...record, value: { did: { step: 'validate', at, to: 'VALIDATED', validation } } })
      context.forward({ ...record, value: { next: { ...record.value, validation } } })
    },
  }
}

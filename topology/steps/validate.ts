import type { AsyncProcessor, ValueAndTimestamp } from 'millrace'
import type { RuleSet as WireRuleSet, Tenant } from '../../avro/types.ts'
import type { Validation } from '../../processors/types.ts'
import { createValidator, type RuleSet, type Validator } from '../../processors/validate/index.ts'
import type { Flow } from '../flow.ts'
import { fromWireRuleSet, ruleSetKeys } from '../rule-sets.ts'
import { tenantOf } from '../tenants.ts'
import type { ExtractedDocument } from './classify-extract.ts'

export interface ValidatedDocument extends ExtractedDocument {
  readonly validation: Validation
}

interface Input {
  readonly document: ExtractedDocument
  readonly validator: Validator
}

type Accepted = ValueAndTimestamp<WireRuleSet>

/** Compiled rule sets by tenant and id; bounded by the sets there are. */
class Validators {
  readonly #builtIn = createValidator()
  readonly #compiled = new Map<string, { readonly version: number; readonly timestamp: number; readonly validator: Validator }>()

  /**
   * The first of the keys that has a set in force, else the built-in one. Only what was accepted is in the table; should a later version of
   * this program refuse what an earlier one took, the last one that could be compiled stays, or the built-in one.
   */
  of(keys: readonly string[], accepted: (key: string) => Accepted | undefined): Validator {
    for (const key of keys) {
      const found = accepted(key)
      if (found !== undefined) {
        return this.#compile(key, found)
      }
      this.#compiled.delete(key)
    }
    return this.#builtIn
  }

  #compile(key: string, { value, timestamp }: Accepted): Validator {
    const last = this.#compiled.get(key)
    if (last?.version === value.version && last.timestamp === timestamp) {
      return last.validator
    }
    let validator = last?.validator ?? this.#builtIn
    try {
      validator = createValidator(fromWireRuleSet(value) as RuleSet)
    } catch {
      // said above
    }
    this.#compiled.set(key, { version: value.version, timestamp, validator })
    return validator
  }
}

/** Runs the tenant's rules. Awaits only because the rule engine does. */
export function validateStep(tenantStore: string, ruleStore: string): AsyncProcessor<string, ExtractedDocument, Input, Validation, Flow<ValidatedDocument>> {
  const validators = new Validators()
  return {
    prepare: (record, context) => {
      const { tenantId } = record.value.header
      const { ruleSet } = tenantOf(context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore), tenantId)
      const rules = context.getStateStore<string, Accepted>(ruleStore)
      const keys = ruleSetKeys(tenantId, ruleSet, record.value.classification.type)
      return { document: record.value, validator: validators.of(keys, (key) => rules.get(key)) }
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

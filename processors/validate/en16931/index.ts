import type { Extraction } from '../../types.ts'
import type { RuleSet } from '../rule-set.ts'
import { calculationRules } from './calculation-rules.ts'
import { categoryRules } from './category-rules.ts'
import { contentRules } from './content-rules.ts'
import type { Level } from './invoice.ts'
import { invoiceOf } from './invoice.ts'
import { partRules } from './part-rules.ts'

/** EN 16931-1:2017 with the corrections of the validation artefacts, as far as the extracted data decides. */
const checks = [...contentRules, ...partRules, ...calculationRules, ...categoryRules]

/** Which level an invoice must have for a rule that applies from another one on. */
const reach: Record<Level, readonly Level[]> = {
  full: ['full', 'without-lines', 'minimum'],
  'without-lines': ['without-lines', 'minimum'],
  minimum: ['minimum'],
}

/** `BR-CO-10` → `brCo10`: the names of the fact `en16931`, which rule sets may use, too. */
function factPath(id: string): string {
  return id.toLowerCase().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * The business rules of EN 16931 as facts: true, false, or absent where a rule says nothing about this invoice. Nothing at all for a
 * document that is no e-invoice of the standard. What the profiles MINIMUM and BASIC WL leave out is not asked of them.
 */
export function en16931Facts(extraction: Extraction): Readonly<Record<string, boolean>> {
  const invoice = invoiceOf(extraction)
  const facts: Record<string, boolean> = {}
  if (invoice !== undefined) {
    for (const { id, from = 'full', check } of checks) {
      const holds = reach[invoice.level].includes(from) ? check(invoice) : undefined
      if (holds !== undefined) {
        facts[factPath(id)] = holds
      }
    }
  }
  return facts
}

/** The rules as data, under the standard's names in lower case. */
export const en16931RuleSet: RuleSet = {
  id: 'en16931',
  version: 1,
  rules: checks.map(({ id, fields, message }) => ({
    id: id.toLowerCase(),
    version: 1,
    severity: 'hard',
    types: ['invoice', 'credit-note'],
    fields,
    message: `${message.replace(/\.$/, '')} (${id}).`.replace(') (', '; '),
    when: { fact: 'en16931', path: factPath(id), operator: 'present', value: true },
    require: { fact: 'en16931', path: factPath(id), operator: 'equal', value: true },
  })),
}

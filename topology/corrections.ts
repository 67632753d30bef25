/**
 * Corrections for those outside the topology, with the topology's own rules: what a change may be is decided here and, for good, in
 * `steps/correct.ts`.
 */
import type { DocumentCorrection } from '../avro/types.ts'
import { applyChanges, type ChangeProblem, type WantedChange } from '../processors/corrections/index.ts'
import type { Classification, DocumentFields, DocumentType, Field, LineItem, TaxLine } from '../processors/types.ts'

export type { WantedChange } from '../processors/corrections/index.ts'
export { DUPLICATE_OF, LIKENESS_REASONS, maxChanges, mayDecide } from '../processors/corrections/index.ts'

/** What a row keeps of a document; taxes and adjustments are not among its columns. */
export interface StoredValues {
  readonly type: string | null
  readonly probability: number | null
  readonly fields: unknown
  readonly lineItems: unknown
}

export type CheckedChanges = { readonly ok: true; readonly changes: DocumentCorrection['changes'] } | { readonly ok: false; readonly problem: ChangeProblem }

/**
 * Whether the changes can be made to a document that has these values, and what they change. A row does not keep the taxes: whether there is
 * a `taxes.N` is left to the topology.
 */
export function checkChanges(stored: StoredValues, wanted: readonly WantedChange[]): CheckedChanges {
  const classification: Classification | undefined =
    stored.type === null ? undefined : { type: stored.type as DocumentType, probability: stored.probability ?? 0, method: 'words', modelVersion: '' }
  const extraction =
    stored.fields === null
      ? undefined
      : { fields: stored.fields as DocumentFields, lines: (stored.lineItems ?? []) as LineItem[], taxes: taxesFor(wanted), extractorVersion: '', truncated: false }
  const applied = applyChanges({ ...(classification === undefined ? {} : { classification }), ...(extraction === undefined ? {} : { extraction }) }, wanted)
  return applied.ok ? { ok: true, changes: applied.changes.map((change) => ({ ...change })) } : applied
}

/** As if there were all that somebody wants to change. */
function taxesFor(wanted: readonly WantedChange[]): TaxLine[] {
  const unknown: Field = { value: '', normalised: '', confidence: 0, provenance: { page: 0, method: 'rule' } }
  const taxes: { [name: string]: Field }[] = []
  for (const { field } of wanted) {
    const [list, index = '', name = ''] = field.split('.')
    if (list === 'taxes' && /^\d{1,3}$/.test(index) && /^[A-Za-z]{1,40}$/.test(name)) {
      const at = Number(index)
      while (taxes.length <= at) {
        taxes.push({})
      }
      taxes[at]![name] = unknown
    }
  }
  return taxes
}

import { Decimal } from 'decimal.js'
import type { Adjustment, DocumentFields, Extraction, Field, LineItem, TaxLine } from '../../types.ts'

/** How much of EN 16931 an e-invoice promises by its specification identifier (BT-24). */
export type Level = 'full' | 'without-lines' | 'minimum'

/** An e-invoice as the rules see it. */
export interface Invoice {
  readonly level: Level
  readonly fields: DocumentFields
  /** Lines that count: headings and informative lines of Factur-X EXTENDED do not. */
  readonly lines: readonly LineItem[]
  readonly taxes: readonly TaxLine[]
  readonly allowances: readonly Adjustment[]
  readonly charges: readonly Adjustment[]
  readonly partRules: NonNullable<Extraction['partRules']>
}

/** What one rule says: true, false, or nothing because what it is about is not there. */
export interface Check {
  /** As the standard names it: BR-CO-10. */
  readonly id: string
  readonly message: string
  readonly fields: readonly string[]
  /** The least of the standard at which it applies. Default full. */
  readonly from?: Level
  readonly check: (invoice: Invoice) => boolean | undefined
}

/** @returns undefined for what is no e-invoice of EN 16931: read from pages, or ZUGFeRD 1, which came before it */
export function invoiceOf(extraction: Extraction): Invoice | undefined {
  const { fields, lines, taxes, adjustments = [], partRules = {} } = extraction
  const method = (fields.invoiceNumber ?? fields.grandTotal ?? fields.issueDate ?? fields.specification)?.provenance.method
  const specification = fields.specification?.normalised.toLowerCase() ?? ''
  if (method !== 'e-invoice-xml' || specification.startsWith('urn:ferd:')) {
    return undefined
  }
  const kind = (name: string): readonly Adjustment[] => adjustments.filter((one) => one.kind?.normalised === name)
  return {
    level: /:minimum$/.test(specification) ? 'minimum' : /:basic-?wl$/.test(specification) ? 'without-lines' : 'full',
    fields,
    lines: lines.filter((line) => !['GROUP', 'INFORMATION'].includes(line.lineStatus?.normalised ?? '')),
    taxes,
    allowances: kind('allowance'),
    charges: kind('charge'),
    partRules,
  }
}

export function present(field: Field | undefined): boolean {
  return field !== undefined && field.value.trim() !== ''
}

/** A code or identifier, empty when it is not there. */
export function code(field: Field | undefined): string {
  return field?.normalised ?? ''
}

/** @returns undefined when it is not there or no number */
export function decimal(field: Field | undefined): Decimal | undefined {
  return field !== undefined && /^-?\d{1,24}(?:\.\d{1,12})?$/.test(field.normalised) ? new Decimal(field.normalised) : undefined
}

export function orZero(field: Field | undefined): Decimal {
  return decimal(field) ?? new Decimal(0)
}

export function sum(fields: readonly (Field | undefined)[]): Decimal {
  return fields.reduce((total: Decimal, field) => total.plus(orZero(field)), new Decimal(0))
}

/** As the standard's own test files compare: rounded to cents. */
export function equal(a: Decimal | undefined, b: Decimal | undefined): boolean | undefined {
  return a === undefined || b === undefined ? undefined : a.toDecimalPlaces(2).eq(b.toDecimalPlaces(2))
}

/** True for all, nothing when there are none. */
export function every<T>(items: readonly T[], test: (item: T) => boolean | undefined): boolean | undefined {
  const outcomes = items.map(test).filter((outcome) => outcome !== undefined)
  return outcomes.length === 0 ? undefined : outcomes.every((outcome) => outcome)
}

/** A rule about something optional: nothing when it is not there. */
export function when(condition: boolean, test: () => boolean | undefined): boolean | undefined {
  return condition ? test() : undefined
}

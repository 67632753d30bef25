/** Examples of a rule set: a document as somebody writes it down, and what the rules have to say about it. */
import type { DocumentType, Extraction, Field, RuleResult, VisibleValue } from '../types.ts'
import { documentTypes } from '../types.ts'
import { isDocumentField, isLineField, isTaxField } from './fact-paths.ts'
import { isObject, onlyKeys, ruleSetBounds, type Wrong } from './rule-set.ts'

/** The normalised value, sure; or how sure. */
export type ExampleValue = string | { readonly normalised: string; readonly confidence: number }

export interface ExampleDocument {
  readonly type: DocumentType
  /** YYYY-MM-DD: ages are measured from it. */
  readonly receivedDay: string
  /** By name: `invoiceNumber`, `seller.vatId`. */
  readonly fields?: { readonly [name: string]: ExampleValue }
  readonly lines?: readonly { readonly [name: string]: ExampleValue }[]
  readonly taxes?: readonly { readonly [name: string]: ExampleValue }[]
  /** Whether it comes from an e-invoice's XML. Default: no. */
  readonly eInvoice?: boolean
  /** What the pages of the e-invoice show. */
  readonly visible?: { readonly [field in VisibleValue['field']]?: VisibleValue['outcome'] }
  readonly truncated?: boolean
}

export interface RuleExample {
  /** For people, in errors. */
  readonly name: string
  readonly document: ExampleDocument
  /** By rule id, at least one; rules that are not named may say what they like. */
  readonly expect: { readonly [ruleId: string]: RuleResult['outcome'] }
}

const outcomes: readonly unknown[] = ['passed', 'failed', 'not-applicable']
const visibleFields: readonly string[] = ['invoiceNumber', 'issueDate', 'grandTotal']
const visibleOutcomes: readonly unknown[] = ['agrees', 'differs', 'not-found']
const MOST_LINES = 50

/** What is wrong with the form of an example; whether it holds is another question. `rules`: the ids of the set. */
export function checkExample(example: unknown, at: string, rules: ReadonlySet<unknown>, wrong: Wrong): void {
  if (!isObject(example)) {
    wrong(at, 'an object expected')
    return
  }
  onlyKeys(example, ['name', 'document', 'expect'], at, wrong)
  if (typeof example['name'] !== 'string' || example['name'] === '' || example['name'].length > 100) {
    wrong(`${at}.name`, 'a text of at most 100 characters expected')
  }
  checkDocument(example['document'], `${at}.document`, wrong)
  const expected = example['expect']
  if (!isObject(expected) || Object.keys(expected).length === 0 || !Object.values(expected).every((outcome) => outcomes.includes(outcome))) {
    wrong(`${at}.expect`, `an outcome for at least one rule expected: ${outcomes.join(', ')}`)
    return
  }
  const unknown = Object.keys(expected).find((id) => !rules.has(id))
  if (unknown !== undefined) {
    wrong(`${at}.expect`, `the set has no rule ${unknown.slice(0, 63)}`)
  }
}

function checkDocument(document: unknown, at: string, wrong: Wrong): void {
  if (!isObject(document)) {
    wrong(at, 'an object expected')
    return
  }
  onlyKeys(document, ['type', 'receivedDay', 'fields', 'lines', 'taxes', 'eInvoice', 'visible', 'truncated'], at, wrong)
  if (!documentTypes.includes(document['type'] as DocumentType)) {
    wrong(`${at}.type`, `one of ${documentTypes.join(', ')} expected`)
  }
  if (typeof document['receivedDay'] !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(document['receivedDay'])) {
    wrong(`${at}.receivedDay`, 'YYYY-MM-DD expected')
  }
  checkValues(document['fields'] ?? {}, `${at}.fields`, isDocumentField, wrong)
  for (const [list, isField] of [['lines', isLineField], ['taxes', isTaxField]] as const) {
    const items = document[list] ?? []
    if (!Array.isArray(items) || items.length > MOST_LINES) {
      wrong(`${at}.${list}`, `a list of at most ${MOST_LINES} expected`)
    } else {
      for (const [n, item] of (items as unknown[]).entries()) {
        checkValues(item, `${at}.${list}[${n}]`, isField, wrong)
      }
    }
  }
  for (const name of ['eInvoice', 'truncated']) {
    if (document[name] !== undefined && typeof document[name] !== 'boolean') {
      wrong(`${at}.${name}`, 'true or false expected')
    }
  }
  const visible = document['visible'] ?? {}
  if (!isObject(visible) || !Object.entries(visible).every(([field, outcome]) => visibleFields.includes(field) && visibleOutcomes.includes(outcome))) {
    wrong(`${at}.visible`, `${visibleOutcomes.join(', ')} for ${visibleFields.join(', ')} expected`)
  }
}

function checkValues(values: unknown, at: string, isField: (name: string) => boolean, wrong: Wrong): void {
  if (!isObject(values)) {
    wrong(at, 'values by field expected')
    return
  }
  const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= ruleSetBounds.maxTextLength
  for (const [name, value] of Object.entries(values)) {
    if (!isField(name)) {
      wrong(`${at}.${name.slice(0, 100)}`, 'there is no such field: see docs/reference/fields.md')
    } else if (isObject(value)) {
      const { normalised, confidence } = value
      onlyKeys(value, ['normalised', 'confidence'], `${at}.${name}`, wrong)
      if (!isText(normalised) || typeof confidence !== 'number' || confidence < 0 || confidence > 1) {
        wrong(`${at}.${name}`, 'normalised, a text, and confidence, 0 to 1, expected')
      }
    } else if (!isText(value)) {
      wrong(`${at}.${name}`, `a text of at most ${ruleSetBounds.maxTextLength} characters expected; amounts as 119.00`)
    }
  }
}

/** The extraction that an example stands for. */
export function extractionOf(document: ExampleDocument): Extraction {
  const fieldOf = (value: ExampleValue): Field => {
    const { normalised, confidence } = typeof value === 'string' ? { normalised: value, confidence: 1 } : value
    return { value: normalised, normalised, confidence, provenance: document.eInvoice === true ? { page: 0, method: 'e-invoice-xml' } : { page: 1, method: 'text-layer' } }
  }
  const flat = (values: { readonly [name: string]: ExampleValue }): { [name: string]: Field } =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, fieldOf(value)]))
  const fields: { [name: string]: Field | { [name: string]: Field } } = { seller: {}, buyer: {} }
  for (const [name, value] of Object.entries(document.fields ?? {})) {
    const [party, part] = name.split('.') as [string, string?]
    fields[party] = part === undefined ? fieldOf(value) : { ...(fields[party] as { [name: string]: Field } | undefined), [part]: fieldOf(value) }
  }
  const visible = Object.entries(document.visible ?? {}) as [VisibleValue['field'], VisibleValue['outcome']][]
  return {
    fields: fields as unknown as Extraction['fields'],
    lines: (document.lines ?? []).map(flat),
    taxes: (document.taxes ?? []).map(flat),
    ...(visible.length === 0 ? {} : { visible: visible.map(([field, outcome]) => ({ field, outcome })) }),
    extractorVersion: 'example',
    truncated: document.truncated ?? false,
  }
}

import type { Classification, DocumentFields, DocumentType, Extraction, Field, LineItem, Party, TaxLine, VisibleValue } from '../types.ts'
import { documentTypes } from '../types.ts'
import { isDocumentField, isLineField, isTaxField } from '../validate/fact-paths.ts'
import { allowedOf, kindOfField, normalise, type ValueKind } from './values.ts'

/** What a person wants a field to be; null: the document does not have it. */
export interface WantedChange {
  /** `grandTotal`, `seller.name`, `lines.0.quantity` (the index after the last adds one), `taxes.0.rate`, `type` */
  readonly field: string
  readonly to: string | null
}

export interface AppliedChange {
  readonly field: string
  /** Normalised, as it was. */
  readonly from: string | null
  /** Normalised. */
  readonly to: string | null
}

/** A change that cannot be made: which one, and what could. Never what was sent. */
export interface ChangeProblem {
  readonly code: 'CHANGES_MISSING' | 'TOO_MANY_CHANGES' | 'FIELD_UNKNOWN' | 'FIELD_TWICE' | 'VALUE_INVALID' | 'TYPE_REQUIRED' | 'NOTHING_CHANGES' | 'TOO_LARGE'
  /** Index in the list of changes; absent where it is about all of them. */
  readonly index?: number
  readonly part: 'field' | 'to' | 'changes'
  /** What is allowed. */
  readonly limit: string
}

/** What there is of a document; one that could not be read has nothing yet. */
export interface Understood {
  readonly classification?: Classification
  readonly extraction?: Extraction
}

export type Applied =
  | { readonly ok: true; readonly classification: Classification; readonly extraction: Extraction; readonly changes: readonly AppliedChange[] }
  | { readonly ok: false; readonly problem: ChangeProblem }

/** More are no correction of a document, and the history is kept with it. */
export const maxChanges = 200
/** As many as extraction finds in tables at most: an index beyond would fill memory. */
const maxRows = 1000
/** Of an extraction as JSON: every record that holds it has to stay below the brokers' usual 1 MiB. */
const maxCharacters = 500 * 1024
const correctorVersion = 'correction-1'

type Slot =
  | { readonly place: 'type' }
  | { readonly place: 'document'; readonly name: string; readonly kind: ValueKind }
  | { readonly place: 'party'; readonly party: string; readonly name: string; readonly kind: ValueKind }
  | { readonly place: 'line' | 'tax'; readonly index: number; readonly name: string; readonly kind: ValueKind }

/**
 * Makes all changes or none. A corrected value is certain and has no place on the page; what the pages were seen to say about a field that
 * was changed is compared with the new value, or forgotten. Pure: the same document and changes give the same result.
 */
export function applyChanges({ classification, extraction }: Understood, wanted: readonly WantedChange[]): Applied {
  if (wanted.length === 0 || wanted.length > maxChanges) {
    return refuse({ code: wanted.length === 0 ? 'CHANGES_MISSING' : 'TOO_MANY_CHANGES', part: 'changes', limit: `1 to ${maxChanges}` })
  }
  const draft = new Draft(extraction)
  let type = classification?.type
  const changes: AppliedChange[] = []
  const seen = new Set<string>()
  for (const [index, { field, to }] of wanted.entries()) {
    const slot = slotOf(field, draft)
    if (slot === undefined) {
      return refuse({ code: 'FIELD_UNKNOWN', index, part: 'field', limit: 'type, a field of the document, party.field, lines.N.field or taxes.N.field' })
    }
    if (seen.has(field)) {
      return refuse({ code: 'FIELD_TWICE', index, part: 'field', limit: 'each field once' })
    }
    seen.add(field)
    if (slot.place === 'type') {
      if (!documentTypes.includes(to as DocumentType)) {
        return refuse({ code: 'VALUE_INVALID', index, part: 'to', limit: documentTypes.join(', ') })
      }
      changes.push({ field, from: type ?? null, to })
      type = to as DocumentType
      continue
    }
    const normalised = to === null ? null : normalise(slot.kind, to)
    if (normalised === undefined) {
      return refuse({ code: 'VALUE_INVALID', index, part: 'to', limit: allowedOf(slot.kind) })
    }
    changes.push({ field, from: draft.set(slot, normalised === null ? undefined : corrected(to!.trim(), normalised)) ?? null, to: normalised })
  }
  if (type === undefined) {
    return refuse({ code: 'TYPE_REQUIRED', part: 'changes', limit: `a change of "type" to one of ${documentTypes.join(', ')}` })
  }
  const effective = changes.filter(({ from, to }) => from !== to)
  if (effective.length === 0) {
    return refuse({ code: 'NOTHING_CHANGES', part: 'changes', limit: 'a value that the document does not have already' })
  }
  const result = draft.finish(effective)
  if (JSON.stringify(result).length > Math.max(maxCharacters, JSON.stringify(extraction ?? {}).length)) {
    return refuse({ code: 'TOO_LARGE', part: 'changes', limit: `${maxCharacters} characters in all fields` })
  }
  return {
    ok: true,
    classification: type === classification?.type ? classification : { type, probability: 1, method: 'pinned', modelVersion: correctorVersion },
    extraction: result,
    changes: effective,
  }
}

const refuse = (problem: ChangeProblem): Applied => ({ ok: false, problem })

/** `page: 0`: a person knows it, no page was searched. */
const corrected = (value: string, normalised: string): Field => ({ value, normalised, confidence: 1, provenance: { page: 0, method: 'correction' } })

function slotOf(field: string, draft: Draft): Slot | undefined {
  if (field === 'type') {
    return { place: 'type' }
  }
  const row = /^(lines|taxes)\.(\d{1,4})\.([A-Za-z]{1,40})$/.exec(field)
  if (row !== null) {
    const [, list, at, name] = row as unknown as [string, 'lines' | 'taxes', string, string]
    const place = list === 'lines' ? 'line' : 'tax'
    const index = Number(at)
    const known = place === 'line' ? isLineField(name) : isTaxField(name)
    return known && String(index) === at && index <= draft.rows(place).length && index < maxRows ? { place, index, name, kind: kindOfField(place, name) } : undefined
  }
  if (!isDocumentField(field)) {
    return undefined
  }
  const [party, name] = field.split('.') as [string, string?]
  return name === undefined
    ? { place: 'document', name: party, kind: kindOfField('document', party) }
    : { place: 'party', party, name, kind: kindOfField('party', name) }
}

type Fields = { [name: string]: Field | undefined }

/** An extraction that is being changed; what was given stays as it is. */
class Draft {
  readonly #given: Extraction
  readonly #document: { [name: string]: unknown }
  readonly #lines: Fields[]
  readonly #taxes: Fields[]

  constructor(extraction: Extraction = { fields: { seller: {}, buyer: {} }, lines: [], taxes: [], extractorVersion: correctorVersion, truncated: false }) {
    this.#given = extraction
    this.#document = { ...extraction.fields }
    this.#lines = extraction.lines.map((line) => ({ ...line }) as Fields)
    this.#taxes = extraction.taxes.map((tax) => ({ ...tax }) as Fields)
  }

  rows(place: 'line' | 'tax'): Fields[] {
    return place === 'line' ? this.#lines : this.#taxes
  }

  /** @returns what stood there, normalised */
  set(slot: Exclude<Slot, { place: 'type' }>, field: Field | undefined): string | undefined {
    const holder = this.#holder(slot)
    const before = holder[slot.name]
    if (field === undefined) {
      delete holder[slot.name]
    } else {
      holder[slot.name] = field
    }
    return before?.normalised
  }

  #holder(slot: Exclude<Slot, { place: 'type' }>): Fields {
    switch (slot.place) {
      case 'document':
        return this.#document as Fields
      case 'party': {
        const party = { ...(this.#document[slot.party] as Party | undefined) } as Fields
        this.#document[slot.party] = party
        return party
      }
      default:
        return (this.rows(slot.place)[slot.index] ??= {})
    }
  }

  finish(changes: readonly AppliedChange[]): Extraction {
    const { visible, ...given } = this.#given
    const compared = visible?.flatMap((one) => again(one, changes.find(({ field }) => field === one.field)))
    const whole = (row: Fields): boolean => Object.keys(row).length > 0
    return {
      ...given,
      fields: this.#document as unknown as DocumentFields,
      lines: this.#lines.filter(whole) as LineItem[],
      taxes: this.#taxes.filter(whole) as TaxLine[],
      ...(compared === undefined || compared.length === 0 ? {} : { visible: compared }),
    }
  }
}

/** A corrected value that is what the pages show agrees with them; nothing else is known of it. */
function again(seen: VisibleValue, change: AppliedChange | undefined): VisibleValue[] {
  if (change === undefined) {
    return [seen]
  }
  return seen.visible !== undefined && seen.visible.normalised === change.to ? [{ field: seen.field, outcome: 'agrees' }] : []
}

import type { XmlElement } from '../text/index.ts'
import { find, findAll } from '../text/index.ts'
import type { PartRule } from '../types.ts'

/** Parts of an e-invoice of which nothing is extracted; the two syntaxes call them and what is in them otherwise. */
export interface EInvoiceParts {
  /** BG-27 */
  readonly lineAllowances: readonly XmlElement[]
  /** BG-28 */
  readonly lineCharges: readonly XmlElement[]
  readonly adjustment: { readonly amount: string; readonly basis: string; readonly reason: string; readonly reasonCode: string }
  /** BG-14 and BG-26, and what one of them may say. */
  readonly periods: readonly XmlElement[]
  readonly linePeriods: readonly XmlElement[]
  readonly period: readonly string[]
  /** BT-122, one for each BG-24. */
  readonly documentReferences: readonly (XmlElement | undefined)[]
  /** BT-160 and BT-161, one pair for each BG-32. */
  readonly itemAttributes: readonly (readonly (XmlElement | undefined)[])[]
  /** BT-34, BT-49 */
  readonly sellerAddress: XmlElement | undefined
  readonly buyerAddress: XmlElement | undefined
  /** BT-157 */
  readonly itemIdentifiers: readonly (XmlElement | undefined)[]
  /** BT-158, and the attribute that says of which list. */
  readonly itemClasses: readonly (XmlElement | undefined)[]
}

const filled = (element: XmlElement | undefined): boolean => element !== undefined && element.text.trim() !== ''
const said = (element: XmlElement | undefined, attribute: string): boolean => (element?.attributes.get(attribute) ?? '').trim() !== ''
/** As it was written: closing zeros count. */
const cents = (element: XmlElement): boolean => (element.text.trim().split('.')[1] ?? '').length <= 2

/**
 * What the rules of EN 16931 say about those parts: whether all of a kind are whole, nothing where there are none. The parts themselves would make records large, and
 * nobody asks for them.
 */
export function partRules({ lineAllowances, lineCharges, adjustment, ...parts }: EInvoiceParts): { readonly [rule in PartRule]?: boolean } {
  const { amount, basis, reason, reasonCode } = adjustment
  const rules: { [rule in PartRule]?: boolean } = {}
  const every = <T>(rule: PartRule, items: readonly T[], holds: (item: T) => boolean): void => {
    if (items.length > 0) {
      rules[rule] = items.every(holds)
    }
  }
  const has = (name: string) => (one: XmlElement): boolean => filled(find(one, name))
  const reasoned = (one: XmlElement): boolean => has(reason)(one) || has(reasonCode)(one)
  const there = (elements: readonly (XmlElement | undefined)[]): XmlElement[] => elements.filter((element) => element !== undefined)
  const all = (items: readonly XmlElement[], name: string): XmlElement[] => there(items.map((one) => find(one, name)))
  every('BR-41', lineAllowances, has(amount))
  every('BR-42', lineAllowances, reasoned)
  every('BR-43', lineCharges, has(amount))
  every('BR-44', lineCharges, reasoned)
  every('BR-52', parts.documentReferences, filled)
  every('BR-54', parts.itemAttributes, (pair) => pair.every(filled))
  every('BR-62', there([parts.sellerAddress]), (address) => said(address, 'schemeID'))
  every('BR-63', there([parts.buyerAddress]), (address) => said(address, 'schemeID'))
  every('BR-64', there(parts.itemIdentifiers), (identifier) => said(identifier, 'schemeID'))
  every('BR-65', there(parts.itemClasses), (code) => said(code, 'listID'))
  const timed = (one: XmlElement): boolean => parts.period.some((name) => find(one, name) !== undefined)
  every('BR-CO-19', parts.periods, timed)
  every('BR-CO-20', parts.linePeriods, timed)
  every('BR-DEC-24', all(lineAllowances, amount), cents)
  every('BR-DEC-25', all(lineAllowances, basis), cents)
  every('BR-DEC-27', all(lineCharges, amount), cents)
  every('BR-DEC-28', all(lineCharges, basis), cents)
  return rules
}

/** Of several items the elements at a path, in one list. */
export function allOf(items: readonly XmlElement[], ...path: string[]): readonly XmlElement[] {
  return items.flatMap((item) => findAll(item, ...path))
}

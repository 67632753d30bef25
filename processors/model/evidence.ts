import { isValidIBAN } from 'ibantools'
import { isCurrency } from '../currencies.ts'
import { findAmounts } from '../extract/amounts.ts'
import { amountCandidates, dateCandidates } from '../extract/candidates.ts'
import { type DateOrder, findDates } from '../extract/dates.ts'
import { type Layout, plainText, type Run } from '../extract/layout.ts'
import { unite } from '../text/runs.ts'
import type { Field } from '../types.ts'
import type { AskedField } from './asked-fields.ts'

/**
 * How sure a value is that a model gave and the document states: it may be the wrong one of several. Not measured, so it claims little:
 * a tenant that trusts only more than this has the document looked at.
 */
const claimed = 0.6

type Kind = 'words' | 'identifier' | 'vat-id' | 'iban' | 'date' | 'amount' | 'currency'

const kinds: { readonly [field in AskedField]: Kind } = {
  'seller.name': 'words', 'seller.address': 'words', 'seller.vatId': 'vat-id', 'buyer.name': 'words', invoiceNumber: 'identifier', issueDate: 'date', dueDate: 'date',
  purchaseOrderNumber: 'identifier', currency: 'currency', taxBasisTotal: 'amount', taxTotal: 'amount', grandTotal: 'amount', iban: 'iban',
}

interface Found {
  readonly value: string
  readonly normalised: string
  readonly runs: readonly Run[]
}

/**
 * The field that a model's answer becomes, with its place on the page; undefined when the document does not state it, compared as the
 * field demands: amounts as numbers, dates as days, identifiers without blanks and punctuation, words without case and accents.
 */
export function evidenceFor(layout: Layout, field: AskedField, answer: string, order: DateOrder): Field | undefined {
  const found = find(layout, kinds[field], answer, order)
  if (found === undefined) {
    return undefined
  }
  const confidence = Math.min(...found.runs.map((run) => run.confidence))
  return {
    value: found.value,
    normalised: found.normalised,
    confidence: Math.round(claimed * (0.4 + 0.6 * confidence) * 1000) / 1000,
    provenance: { page: found.runs[0]!.page, box: unite(found.runs.map((run) => run.box)), method: 'language-model' },
  }
}

function find(layout: Layout, kind: Kind, answer: string, order: DateOrder): Found | undefined {
  switch (kind) {
    case 'amount': {
      const amounts = findAmounts(answer)
      const wanted = amounts.length === 1 ? amounts[0]!.value : undefined
      const candidate = amountCandidates(layout).find(({ found }) => found.monetary && found.value === wanted)
      return candidate && { value: candidate.found.text, normalised: candidate.found.value, runs: [candidate.run] }
    }
    case 'date': {
      const dates = findDates(answer, order)
      const wanted = dates.length === 1 ? dates[0]!.day : undefined
      const candidate = dateCandidates(layout, order).find(({ found }) => found.day === wanted)
      return candidate && { value: candidate.found.text, normalised: candidate.found.day, runs: [candidate.run] }
    }
    case 'identifier':
      return /\d/.test(answer) ? findTokens(layout, answer, (text) => text.toUpperCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')) : undefined
    case 'vat-id':
      return /^[A-Z]{2}[A-Z0-9]{2,13}$/.test(squeeze(answer)) && /\d/.test(answer) ? findTokens(layout, answer, squeeze) : undefined
    case 'iban':
      return isValidIBAN(squeeze(answer)) ? findTokens(layout, answer, squeeze) : undefined
    case 'currency':
      return findCurrencyOf(layout, answer.trim().toUpperCase())
    default:
      return findWords(layout, answer)
  }
}

const squeeze = (text: string): string => text.toUpperCase().replace(/[^\p{L}\p{N}]+/gu, '')

/** Words of a row that make up an identifier: it may be printed in groups. */
const mostGroups = 12

/** @param normalise of the text as it is printed, its groups joined */
function findTokens(layout: Layout, answer: string, normalise: (text: string) => string): Found | undefined {
  const wanted = squeeze(answer)
  if (wanted.length < 2 || wanted.length > 60) {
    return undefined
  }
  for (const row of layout.rows) {
    const tokens = row.runs.flatMap((run) => run.text.split(/\s+/).map((text) => ({ text, plain: squeeze(text), run })).filter(({ plain }) => plain !== ''))
    for (let from = 0; from < tokens.length; from += 1) {
      let joined = ''
      for (let to = from; to < Math.min(tokens.length, from + mostGroups) && joined.length < wanted.length; to += 1) {
        joined += tokens[to]!.plain
        if (joined === wanted) {
          const used = tokens.slice(from, to + 1)
          return { value: used.map(({ text }) => text).join(' '), normalised: normalise(used.map(({ text }) => text).join('')), runs: [...new Set(used.map(({ run }) => run))] }
        }
      }
    }
  }
  return undefined
}

/** Rows that a name or an address may take up. */
const mostRows = 6

function findWords(layout: Layout, answer: string): Found | undefined {
  const wanted = plainText(answer)
  if (!/\p{L}{2}/u.test(wanted) || wanted.length > 400) {
    return undefined
  }
  const value = answer.replace(/\s+/g, ' ').trim()
  for (const [n, row] of layout.rows.entries()) {
    const run = row.runs.find((one) => one.plain.includes(wanted))
    if (run !== undefined) {
      return { value, normalised: value, runs: [run] }
    }
    let plain = ''
    for (let to = n; to < Math.min(layout.rows.length, n + mostRows) && layout.rows[to]!.page === row.page; to += 1) {
      plain = to === n ? row.plain : plain + layout.rows[to]!.plain.slice(1)
      if (plain.includes(wanted)) {
        return { value, normalised: value, runs: layout.rows.slice(n, to + 1).flatMap((one) => one.runs) }
      }
    }
  }
  return undefined
}

const symbols: { readonly [code: string]: RegExp | undefined } = { EUR: /€/, GBP: /£/, USD: /\$/, INR: /₹|\bRs\b/, MYR: /\bRM\b/, JPY: /¥/, CNY: /¥/ }

function findCurrencyOf(layout: Layout, code: string): Found | undefined {
  if (!isCurrency(code)) {
    return undefined
  }
  const word = new RegExp(`\\b${code}\\b`)
  const run = layout.rows.flatMap((row) => row.runs).find(({ text }) => word.test(text) || symbols[code]?.test(text) === true)
  return run && { value: code, normalised: code, runs: [run] }
}

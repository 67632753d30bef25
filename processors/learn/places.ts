import { isCurrency } from '../currencies.ts'
import type { Candidate } from '../extract/candidates.ts'
import { amountCandidates, dateCandidates, tokenCandidates } from '../extract/candidates.ts'
import type { DateOrder } from '../extract/dates.ts'
import type { Layout } from '../extract/layout.ts'
import { learnable, type LearnableField } from './memory.ts'

/** A value on a page that may be a field. */
export interface Place {
  readonly candidate: Candidate<{ readonly text: string }>
  readonly normalised: string
  readonly shape: string
  readonly labels: readonly { readonly where: 'same-run' | 'left' | 'row' | 'above'; readonly label: string }[]
}

/** All values of a kind on the pages, written as fields are. */
export function placesFor(layout: Layout, field: LearnableField, order: DateOrder): Place[] {
  switch (learnable[field]) {
    case 'amount':
      return amountCandidates(layout).filter(({ found }) => found.monetary).map((candidate) => placeOf(candidate, candidate.found.value))
    case 'day':
      return dateCandidates(layout, order).map((candidate) => placeOf(candidate, candidate.found.day))
    case 'token':
      return tokenCandidates(layout).map((candidate) => placeOf(candidate, candidate.found.text.toUpperCase()))
  }
}

function placeOf(candidate: Candidate<{ readonly text: string }>, normalised: string): Place {
  const labels = candidate.contexts.map(({ where, plain }) => ({ where, label: labelIn(plain) })).filter(({ label }) => /\p{L}{2}/u.test(label))
  return { candidate, normalised, shape: shapeOf(candidate.found.text), labels }
}

/** Words beside a value; numbers among them are another document's, and a currency names no field. */
function labelIn(plain: string): string {
  return plain.split(' ').filter((word) => word !== '' && !/\d/.test(word) && !isCurrency(word.toUpperCase())).join(' ')
}

function shapeOf(text: string): string {
  return text.replace(/\p{L}+/gu, 'A').replace(/\d+/g, '9').replace(/\s+/g, ' ').slice(0, 40)
}

import { isValidIBAN } from 'ibantools'
import type { Field } from '../types.ts'
import type { Candidate, FoundToken } from './candidates.ts'
import { dateCandidates, labelOf, tokenCandidates } from './candidates.ts'
import type { DateOrder, FoundDate } from './dates.ts'
import { findDates } from './dates.ts'
import { fieldOf, toField } from './field.ts'
import { dateLabels, numberLabels, referenceLabels } from './labels.ts'
import type { Layout } from './layout.ts'

export interface HeaderDates {
  readonly issueDate?: Field
  readonly dueDate?: Field
  readonly deliveryDate?: Field
}

/** Dates by label; without one, the first on the page is taken for the date of issue, and not much believed. */
export function findHeaderDates(layout: Layout, order: DateOrder, receivedDay?: string): HeaderDates {
  const candidates = dateCandidates(layout, evidentOrder(layout) ?? order).map((candidate) => ({
    candidate,
    label: dateLabelOf(candidate),
    // Misread years lie in the future or in the last century; a right one never does.
    unlikely: candidate.contexts.some((context) => (context.where === 'same-run' || context.where === 'left') && notOfThis.test(context.plain)) || candidate.found.day < '2000-01-01' || (receivedDay !== undefined && candidate.found.day > nextYear(receivedDay)) ? 1 : 0,
    future: receivedDay !== undefined && candidate.found.day > receivedDay ? 1 : 0,
  }))
  const dates: { issueDate?: Field; dueDate?: Field; deliveryDate?: Field } = {}
  for (const name of ['issueDate', 'dueDate', 'deliveryDate'] as const) {
    const best = candidates
      .filter(({ label }) => label?.class === name)
      .map((one) => ({ ...one, score: one.label!.strength - 0.2 * one.candidate.position - one.unlikely - (name === 'issueDate' ? 0.5 * one.future : 0) }))
      .sort((a, b) => b.score - a.score)[0]
    if (best !== undefined) {
      dates[name] = dateField(layout, best.candidate, 0.55 + 0.4 * best.label!.strength)
    }
  }
  const unnamed = candidates.find(({ label, future, unlikely }) => label === undefined && future + unlikely === 0)
  if ((dates.issueDate === undefined || (receivedDay !== undefined && dates.issueDate.normalised > receivedDay)) && unnamed !== undefined) {
    dates.issueDate = dateField(layout, unnamed.candidate, 0.5)
  }
  return dates
}

/** A date that tells the order of day and month tells it for the whole document. Two that disagree tell nothing; without any the address may. */
function evidentOrder(layout: Layout): DateOrder | undefined {
  const evident = (order: DateOrder): Set<string> =>
    new Set(dateCandidates(layout, order).filter(({ found }) => !found.ambiguous && /^\d{1,2}\s?[/]/.test(found.text)).map(({ found }) => found.text))
  let monthFirst = false
  let dayFirst = false
  for (const text of evident('day-month')) {
    const [a, b] = text.split('/').map(Number)
    dayFirst ||= a! > 12
    monthFirst ||= b! > 12
  }
  return monthFirst !== dayFirst ? (monthFirst ? 'month-day' : 'day-month') : monthFirst ? undefined : americanOrder(layout)
}

/** `Springfield, IL 62704`: a state and its ZIP code. */
const zipCode = /(?<!\p{L})(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) \d{5}(?:-\d{4})?(?!\d)/u
/** Taxes that are not levied in the United States. */
const foreignTax = / (?:vat|gst|hst|mwst|ust|tva|btw|iva|moms) /

/** Who has an address in the United States and names no tax of elsewhere writes the month first. */
function americanOrder(layout: Layout): DateOrder | undefined {
  const american = layout.rows.some((row) => row.runs.some((run) => zipCode.test(run.text)))
  return american && !layout.rows.some((row) => foreignTax.test(row.plain)) ? 'month-day' : undefined
}

/** Dates that stand there for another reason: of a form's version, a law, a register. */
const notOfThis = / (?:version|stand|fassung|gultig|valid|edition|hrb|geb|geboren|born) /
/** "Invoice no. 4711 of": the date of the document itself follows its number. */
const documentOf = /(?: (?:vom|von|dated|of|du|van|del|date|datum|issued at|issued on)|\d|\p{L}) $/u
const bareOf = / (?:vom|dated|of|du|van|del) $/
/** "Payable within 30 days, until": when it is due; a discount's date is not. */
const payableUntil = / (?:zahlbar|uberweisen|zahlen sie|begleichen|remit|payable|please pay|a regler|a payer|betalen).* (?:bis|bis zum|until|by|before|avant le|jusqu au|uiterlijk|voor) $/
const discountUntil = / (?:skonto|discount|escompte|korting) /

/** What names a date: its label, or the document's number in front of it. */
function dateLabelOf(candidate: Candidate<FoundDate>): { readonly class: 'issueDate' | 'dueDate' | 'deliveryDate'; readonly strength: number } | undefined {
  const label = labelOf(candidate, dateLabels)
  const own = candidate.contexts.find((context) => context.where === 'same-run')?.plain
  const above = candidate.contexts.find((context) => context.where === 'above')?.plain
  // A title too long for its line: the date begins the next one.
  const before = own ?? (above !== undefined && bareOf.test(above) ? above : undefined)
  if (before === undefined) {
    return label
  }
  if (payableUntil.test(before) && !discountUntil.test(before)) {
    return { class: 'dueDate', strength: 0.85 }
  }
  if (label === undefined || label.class === 'issueDate') {
    const number = documentNumberLabel(before)
    if (number === 'invoiceNumber' && documentOf.test(before) && /\d/.test(before)) {
      return { class: 'issueDate', strength: 0.97 }
    }
    if ((number === 'otherNumber' || number === 'purchaseOrder') && bareOf.test(before)) {
      return undefined
    }
  }
  return label
}

/** Names of documents are often one word with what they are about: Mietrechnung Nr., Schlussrechnung Nr. */
const compoundLabel = / \p{L}*(?:rechnung|gutschrift|quittung|faktura|facture|invoice|abrechnung|buchungshilfe|korrektur)(?: [\p{L}\d]{1,20}){0,4} (?:nr|nummer|no|number|n|numero)(?= |$)/u

function documentNumberLabel(plain: string): 'invoiceNumber' | 'otherNumber' | 'purchaseOrder' | undefined {
  if (compoundLabel.test(plain)) {
    return 'invoiceNumber'
  }
  // The words before the number, without the number itself.
  return numberLabels.match(plain)?.class ?? numberLabels.match(` ${plain.split(/ (?=\S*\d)/)[0]!.trim()} `)?.class
}

function nextYear(day: string): string {
  return `${Number(day.slice(0, 4)) + 1}${day.slice(4)}`
}

function dateField(layout: Layout, candidate: Candidate<FoundDate>, confidence: number): Field {
  return toField(layout, candidate, candidate.found.day, candidate.found.ambiguous ? confidence * 0.9 : confidence)
}

type NumberClass = 'invoiceNumber' | 'purchaseOrder' | 'reference'

/** The document's own number: beside or below its label, and looking like a number of a document. A reference is believed less. */
export function findNumber(layout: Layout, wanted: NumberClass): Field | undefined {
  const best = tokenCandidates(layout)
    .map((candidate) => ({ candidate, score: numberScore(candidate, wanted) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)[0]
  if (best === undefined) {
    return undefined
  }
  const text = withOtherParts(best.candidate)
  return toField(layout, { ...best.candidate, found: { text } }, text.toUpperCase(), Math.min(wanted === 'reference' ? 0.6 : 0.97, 0.35 + 0.6 * best.score))
}

/** What ends a run after a number may be the rest of it: `2026 / 0815`, `4711 0815 22`. */
const otherParts = /^(?: ?[/-] ?\d[\p{L}\d]{0,11}| \d{2,8}){1,3}$/u
const maxNumberLength = 32

function withOtherParts({ found, run }: Candidate<FoundToken>): string {
  const rest = run.text.slice(found.index + found.text.length).trimEnd()
  const text = `${found.text}${rest}`
  return rest !== '' && text.length <= maxNumberLength && otherParts.test(rest) && findDates(text, 'day-month').length === 0 ? text : found.text
}

const orderOnly = /^ (?:your |our |sales )?order no $/

function numberScore(candidate: Candidate<FoundToken>, wanted: NumberClass): number {
  const own = candidate.contexts[0]?.where === 'same-run' ? candidate.contexts[0].plain : undefined
  const compound = wanted === 'invoiceNumber' && own !== undefined && compoundLabel.test(own)
  const label = compound ? { class: wanted, strength: 0.93 } : labelOf<NumberClass | 'otherNumber'>(candidate, wanted === 'reference' ? referenceLabels : numberLabels)
  if (label?.class !== wanted) {
    return 0
  }
  const { text } = candidate.found
  // "Rechnung (380) Nr. 4711": a code in brackets explains the title.
  const { index } = candidate.found
  if (candidate.run.text[index - 1] === '(' && candidate.run.text[index + text.length] === ')') {
    return 0
  }
  const digits = text.replace(/\D/g, '').length
  const shape = digits >= 3 ? 0.1 : -0.1
  // Only the first token after a label is what it names.
  const first = candidate.found.index === 0 || candidate.contexts[0]?.where === 'same-run' ? 0.05 : -0.15
  // An order's number stands for the document's own only where there is no better one.
  const order = candidate.contexts.some(({ where, plain }) => where !== 'row' && orderOnly.test(plain)) ? 0.4 : 0
  return label.strength + shape + first - order - 0.25 * candidate.position
}

const ibanPattern = /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])/g

/**
 * An account number whose checksum is right: nothing else on a page looks like one by chance. Else one that says it is an IBAN: printed
 * wrong, which validation is to see.
 */
export function findIban(layout: Layout): Field | undefined {
  return findCheckedIban(layout) ?? findLabelledIban(layout)
}

function findCheckedIban(layout: Layout): Field | undefined {
  for (const row of layout.rows) {
    for (const run of row.runs) {
      if (debited.test(row.plain)) {
        continue
      }
      for (const [text] of run.text.toUpperCase().matchAll(ibanPattern)) {
        // What follows an account number may look like its last group: drop groups from the end until the checksum fits.
        const groups = text.split(' ')
        for (let count = groups.length; count > 0; count -= 1) {
          const normalised = groups.slice(0, count).join('')
          if (isValidIBAN(normalised)) {
            return fieldOf(layout, run, groups.slice(0, count).join(' '), normalised, 0.98)
          }
        }
      }
    }
  }
  return undefined
}

/** An account that will be debited is the reader's, not the sender's. */
const debited = / (?:ihrem konto|ihres kontos|your account|votre compte|abgebucht|eingezogen|debited|prelev\p{L}+|uw rekening) /u
const labelledIban = /\bIBAN(?:[- ]?Nr\.?)?\s?:?\s*([A-Z]{2}\d{2}(?: ?[A-Z0-9]){10,30})(?![A-Z0-9*])/

function findLabelledIban(layout: Layout): Field | undefined {
  for (const row of layout.rows) {
    for (const [n, run] of row.runs.entries()) {
      const label = row.runs[n - 1]?.plain ?? ''
      const text = / iban /.test(label) && !/IBAN/i.test(run.text) ? `IBAN ${run.text.replace(/^:\s*/, '')}` : run.text
      const match = labelledIban.exec(text.toUpperCase())?.[1]
      if (match !== undefined && !debited.test(row.plain)) {
        // Words that follow on the same line are no part of it.
        const normalised = (/^[A-Z]{2}\d{2}(?: ?\d[A-Z0-9]{0,3}| ?[A-Z]{4}(?= ?\d))+/.exec(match)?.[0] ?? match).replaceAll(' ', '')
        if (normalised.length >= 14 && normalised.length <= 34) {
          return fieldOf(layout, run, match, normalised, isValidIBAN(normalised) ? 0.97 : 0.6)
        }
      }
    }
  }
  return undefined
}

const bicPattern = /\b(?:BIC|SWIFT)(?:[- /](?:BIC|SWIFT|CODE))*\s?:?\s*([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?![A-Z0-9])/

export function findBic(layout: Layout): Field | undefined {
  for (const row of layout.rows) {
    for (const [n, run] of row.runs.entries()) {
      const label = row.runs[n - 1]?.plain ?? ''
      const text = / (?:bic|swift) /.test(label) && !/BIC|SWIFT/i.test(run.text) ? `BIC ${run.text.replace(/^:\s*/, '')}` : run.text
      const match = bicPattern.exec(text.toUpperCase())?.[1]
      if (match !== undefined && !debited.test(row.plain)) {
        return fieldOf(layout, run, match, match, 0.9)
      }
    }
  }
  return undefined
}

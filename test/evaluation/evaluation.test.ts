import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { findDuplicates, proposeDuplicates, scoreDuplicates } from '../../evaluation/duplicates.ts'
import { eInvoiceTruth } from '../../evaluation/e-invoice-truth.ts'
import { lineOutcomes } from '../../evaluation/lines.ts'
import { parseOptions } from '../../evaluation/options.ts'
import type { Outcome } from '../../evaluation/scores.ts'
import { calibrate, distance, f1, score } from '../../evaluation/scores.ts'
import { fieldsOf, openSets } from '../../evaluation/sets.ts'
import { compare, dayOf, decimalOf } from '../../evaluation/truth.ts'
import type { Field } from '../../processors/index.ts'
import { writeCii } from '../../samples/cii.ts'
import { createInvoice, decimal } from '../../samples/invoice.ts'
import { createRandom } from '../../samples/random.ts'

const field = (value: string, normalised = value): Field => ({ value, normalised, confidence: 0.9, provenance: { page: 1, method: 'ocr' } })
const outcome = (document: string, right: boolean, confidence = 0.9): Outcome => ({ field: 'x', document, truths: 1, answers: 1, strict: 0, normalised: right ? 1 : 0, confidence })

t.test('amounts and dates of the truth', async (t) => {
  for (const [text, value] of [['RM 1,234.50', '1234.50'], ['$7.60', '7.60'], ['1.234,5', '1234.50'], ['1,234', '1234.00'], ['-3.00', '-3.00'], ['1.234.567', '1234567.00'], ['none', undefined]] as const) {
    t.equal(decimalOf(text), value, text)
  }
  for (const [text, day] of [['25/12/2018', '2018-12-25'], ['5-3-18', '2018-03-05'], ['10 MAR 2018', '2018-03-10'], ['(06/12/2016)', '2016-12-06'], ['2018-03-30', '2018-03-30'], ['20180330', '2018-03-30'], ['30.02.2018', undefined]] as const) {
    t.equal(dayOf(text, 'day-month'), day, text)
  }
  t.equal(dayOf('3/4/2018', 'month-day'), '2018-03-04')
})

t.test('strict is what stands there, normalised is what is meant', async (t) => {
  const printed = (kind: 'text' | 'amount' | 'date', value: string) => ({ kind, value, printed: true })
  t.same(compare(printed('text', 'Heron  & Sons Ltd'), field('Heron & Sons Ltd'), 'day-month'), { strict: true, normalised: true })
  t.same(compare(printed('text', 'HERON & SONS LTD.'), field('Heron and Sons', 'Heron & Sons Ltd'), 'day-month'), { strict: false, normalised: true })
  t.same(compare(printed('date', '03/04/18'), field('03-04-2018', '2018-04-03'), 'day-month'), { strict: false, normalised: true })
  t.same(compare(printed('amount', 'RM9.90'), field('9.90', '9.90'), 'day-month'), { strict: false, normalised: true })
  t.same(compare({ kind: 'date', value: '2018-04-03', printed: false }, field('3 April 2018', '2018-04-03'), 'day-month'), { strict: true, normalised: true })
  t.same(compare(printed('amount', '9.90'), field('9.80'), 'day-month'), { strict: false, normalised: false })
})

t.test('F1, its interval, calibration, characters', async (t) => {
  t.equal(f1(1, 1, 2), 2 / 3)
  const outcomes = [outcome('a', true), outcome('b', true), outcome('c', false), { field: 'x', document: 'd', truths: 1, answers: 0, strict: 0, normalised: 0 }]
  const result = score('x', outcomes)
  t.match(result, { n: 4, missing: 1, strictF1: 0, normalisedF1: (2 * 2) / (3 + 4) })
  t.ok(result.normalisedInterval.low < result.normalisedF1 && result.normalisedF1 < result.normalisedInterval.high)
  t.same(score('x', outcomes), result, 'the same draws every time')
  t.match(calibrate([outcome('a', true, 0.97), outcome('b', false, 0.96), outcome('c', true, 1), outcome('d', true, 0.1)]), [{ from: 0, n: 1, right: 1 }, { from: 0.95, n: 3, right: 2 / 3 }])
  t.equal(distance('kitten', 'sitting'), 3)
  t.equal(distance('', 'abc'), 3)
})

t.test('line items are paired by what agrees', async (t) => {
  const line = (description: string, total: string) => fieldsOf(false, [['description', 'text', description], ['lineTotal', 'amount', total]])
  const [all, descriptions, totals] = lineOutcomes('d', [line('Oak shelf', '10.00'), line('Lamp', '5.00'), line('Rope', '2.00')], [
    { description: field('LAMP'), lineTotal: field('5.00') },
    { description: field('Oak shell'), lineTotal: field('10.00'), quantity: field('2') },
    { lineTotal: field('99.00') },
  ], 'day-month')
  t.match(descriptions, { field: 'lines.description', truths: 3, answers: 2, normalised: 1, strict: 0 })
  t.match(totals, { field: 'lines.lineTotal', truths: 3, answers: 3, normalised: 2, strict: 2 })
  t.match(all, { field: 'lines', truths: 6, answers: 5, normalised: 3 })
})

t.test('duplicates', async (t) => {
  const pairs = findDuplicates([{ id: 'a', sha256: '1' }, { id: 'b', sha256: '2' }, { id: 'c', sha256: '1' }])
  t.same(pairs, [['a', 'c']])
  const texts = ['a', 'b', 'c', 'd'].map((documentId, seenAt) => ({ documentId, seenAt, recognised: true, fingerprint: '0'.repeat(32), values: documentId === 'b' ? { issueDate: '2026-01-01', grandTotal: '1.00' } : { issueDate: '2026-01-02', grandTotal: '2.00' } }))
  const proposed = proposeDuplicates(texts, pairs)
  t.same(proposed, [{ pair: ['a', 'd'], distance: 0 }], 'what was decided, or says that it is another, is not proposed')
  t.match(scoreDuplicates(pairs, [['c', 'a'], ['b', 'd']], proposed), { known: 2, found: 1, right: 1, precision: 1, recall: 0.5 })
})

t.test('the truth of an e-invoice', async (t) => {
  const invoice = createInvoice(createRandom(4), { language: 'en', now: new Date('2026-11-21T12:00:00Z') })
  for (const profile of ['factur-x', 'zugferd'] as const) {
    const truth = eInvoiceTruth(writeCii(invoice, profile))
    t.equal(truth?.fields.get('number')?.value, invoice.number)
    t.equal(truth?.fields.get('date')?.value, invoice.issueDate)
    t.equal(truth?.fields.get('total')?.value, decimal(invoice.gross))
    t.equal(truth?.lines?.length, invoice.lines.length)
    t.equal(truth?.lines?.[0]?.get('lineTotal')?.value, decimal(invoice.lines[0]!.total))
  }
  t.equal(eInvoiceTruth('<note/>'), undefined)
})

t.test('folders of documents', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-evaluation-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  t.throws(() => openSets(folder), { name: 'UsageError' })
  t.throws(() => openSets(join(folder, 'absent')), { name: 'UsageError' })
  writeFileSync(join(folder, 'truth.jsonl'), `${JSON.stringify({ file: 'a.jpg', company: 'Heron Ltd', date: '1/2/2020', address: '', total: '5.00', words: ['Heron Ltd', '5.00'] })}\n`)
  const [set] = openSets(folder)
  t.match(set, { layout: 'transcripts', documents: [{ id: 'a.jpg', truth: { text: 'Heron Ltd\n5.00' } }] })
  t.same([...set!.documents[0]!.truth!.fields.keys()], ['company', 'date', 'total'], 'an empty truth is not scored')
})

t.test('options', async (t) => {
  t.match(parseOptions(['--data', 'x', '--profile', 'standard', '--limit', '3']), { data: ['x'], profile: 'standard', limit: 3, dateOrder: 'day-month' })
  t.equal(parseOptions(['--help']), 'help')
  t.throws(() => parseOptions(['--profile', 'quick']), { name: 'UsageError' })
  t.throws(() => parseOptions(['--limit', '0']), { name: 'UsageError' })
  t.throws(() => parseOptions(['--bogus']), { name: 'UsageError' })
})

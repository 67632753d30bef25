import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { findDuplicates, proposeDuplicates, scoreDuplicates } from '../../evaluation/duplicates.ts'
import { eInvoiceTruth } from '../../evaluation/e-invoice-truth.ts'
import { evaluateSet } from '../../evaluation/evaluate.ts'
import { lineOutcomes } from '../../evaluation/lines.ts'
import { parseOptions } from '../../evaluation/options.ts'
import { describe } from '../../evaluation/report.ts'
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
  const identity = { key: 'evaluation|invoice|x', issueDate: '2026-01-01', grandTotal: '1.00', supporting: {}, versioned: true }
  t.same(findDuplicates([{ id: 'a', sha256: '1', identity }, { id: 'b', sha256: '2', identity: { ...identity, grandTotal: '2.00' } }, { id: 'c', sha256: '3', identity }, { id: 'd', sha256: '' }, { id: 'e', sha256: '' }]),
    [['a', 'c']], 'other bytes with the same fields are; another total, and what could not be read, are not')
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
  const account = (iban: string) => eInvoiceTruth(`<Invoice><PaymentMeans><PayeeFinancialAccount><ID>${iban}</ID></PayeeFinancialAccount></PaymentMeans></Invoice>`)?.fields.get('iban')?.value
  t.equal(account('NL91 ABNA 0417 1643 00'), 'NL91ABNA0417164300')
  t.equal(account('1234567'), undefined, 'an account that is no IBAN is none to be found')
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

  const result = (await evaluateSet(set!, 'standard', { data: [folder], dateOrder: 'day-month', processes: 1 }, () => {}))[0]!
  t.match(result, { failures: [{ document: 'a.jpg', code: 'ENOENT' }], scores: [{ field: 'company', n: 1, missing: 1, normalisedF1: 0 }, {}, {}, { field: 'all', missing: 3 }] }, 'a file that is not there costs one document')
  t.match(describe(result), /not read or understood: a\.jpg \(ENOENT\)/)

  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  for (const [name, text, message] of [
    ['truth.jsonl', '{"file":"a.jpg"}\n\n{"file":\n', /truth\.jsonl, line 3: no JSON/],
    ['truth.jsonl', '{"file":"a.jpg"}\n{"name":"b.jpg"}\n', /truth\.jsonl, line 2: an object with "file"/],
    ['duplicates.json', '[["a.jpg"]]', /duplicates\.json: a list of pairs/],
  ] as const) {
    write('truth.jsonl', '\ufeff{"file":"a.jpg","total":9.5}\r\n')
    write(name, text)
    t.throws(() => openSets(folder), { name: 'UsageError', message })
  }
})

t.test('folders of PDFs, and of documents with a JSON beside each', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-evaluation-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'b'))
  mkdirSync(join(folder, 'c'))
  const write = (name: string, text = ''): void => writeFileSync(join(folder, name), text)
  write('b/x.PDF')
  write('b/notes.txt')
  write('c/1.pdf')
  write('c/1.json', '[{"issuer":"Heron","amount":319.0,"amount_tax":"19","vat":null,"date_due":"2026-02-01","lines":[{"name":"Rope","qty":2}]}]')
  write('c/2.jpg')
  write('c/2.json', '{"invoice_number":17}')
  write('c/3.pdf')
  // A set may be linked to where it lies.
  symlinkSync(join(folder, 'c'), join(folder, 'a'))
  const sets = openSets(folder)
  t.same(sets.map(({ name, layout, documents }) => [name, layout, documents.map(({ id }) => id)]), [['a', 'json', ['1.pdf', '2.jpg', '3.pdf']], ['b', 'embedded', ['x.PDF']], ['c', 'json', ['1.pdf', '2.jpg', '3.pdf']]])
  const [first, second, third] = sets[0]!.documents
  t.same([...first!.truth!.fields].map(([name, { value }]) => [name, value]), [['dueDate', '2026-02-01'], ['seller', 'Heron'], ['taxTotal', '19'], ['total', '319.00']])
  t.equal(first!.truth!.lines?.[0]?.get('quantity')?.value, '2')
  t.equal(second!.truth!.fields.get('number')?.value, '17')
  t.equal(third!.truth, undefined, 'without a JSON nothing is known of it')
  write('c/2.json', '"319.00"')
  t.throws(() => openSets(folder), { name: 'UsageError', message: /2\.json: an object/ })
})

t.test('options', async (t) => {
  t.match(parseOptions(['--data', 'x', '--profile', 'standard', '--limit', '3']), { data: ['x'], profile: 'standard', limit: 3, dateOrder: 'day-month' })
  t.equal(parseOptions(['--help']), 'help')
  t.throws(() => parseOptions(['--profile', 'quick']), { name: 'UsageError' })
  t.throws(() => parseOptions(['--limit', '0']), { name: 'UsageError' })
  t.throws(() => parseOptions(['--bogus']), { name: 'UsageError' })
})

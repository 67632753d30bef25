import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { fitBinary, fitChoice } from '../../../evaluation/learn/fit.ts'
import { layOut } from '../../../processors/extract/layout.ts'
import type { Option } from '../../../processors/extract/linear-model.ts'
import { choose, softmax } from '../../../processors/extract/linear-model.ts'
import { fold, within, WordClasses } from '../../../processors/extract/misread.ts'
import { amountMentions } from '../../../processors/extract/receipt-amounts.ts'
import { dateOptions } from '../../../processors/extract/receipt-date.ts'
import { cleanAddress, cleanName } from '../../../processors/extract/receipt-head-text.ts'
import { labelWords } from '../../../processors/extract/receipt-labels.ts'
import { isNarrow, receiptRows, tidy } from '../../../processors/extract/receipt-rows.ts'
import { receiptWeights } from '../../../processors/extract/receipt.ts'
import type { DocumentText, Extraction } from '../../../processors/index.ts'
import { extract } from '../../../processors/index.ts'

/** A till's slip as recognition gives it: rows of cells, each at its column of 40, all letters ten wide. */
function slip(rows: readonly (string | readonly (readonly [column: number, text: string])[])[], confidence = 0.93): DocumentText {
  const lines = rows.flatMap((row, n) => (typeof row === 'string' ? [[Math.max(0, Math.floor((40 - row.length) / 2)), row] as const] : row)
    .map(([column, text]) => ({ text, box: { x: 20 + 10 * column, y: 20 + 24 * n, width: 10 * text.length, height: 16 }, confidence })))
  return {
    route: 'ocr', language: 'en', pages: [{ number: 1, width: 440, height: 40 + 24 * rows.length, lines }], quality: confidence, issues: [],
    engine: 'test', engineVersion: '1', dataVersion: '1',
  }
}

function read(rows: Parameters<typeof slip>[0], options: Parameters<typeof extract>[1] = { receivedDay: '2024-06-01' }): Extraction {
  const result = extract(slip(rows), options)
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

const rowsOf = (rows: Parameters<typeof slip>[0]) => receiptRows(layOut(slip(rows)))

const grocer = [
  'HERON & PIKE TRADING SDN BHD',
  '(123456-X)',
  'NO. 8, JALAN MERANTI 4/2,',
  'TAMAN SEROJA,',
  '43000 KAJANG, SELANGOR',
  'TEL: 03-8888 1234',
  'GST ID: 000123456789',
  'TAX INVOICE',
  [[0, 'Invoice No: A-1009'], [24, 'Date: 17/05/2024']],
  [[0, 'Garden twine'], [34, '12.40']],
  [[0, 'Seed tray'], [34, '7.52']],
  [[0, 'Subtotal'], [34, '19.92']],
  [[0, 'GST 6%'], [34, '1.20']],
  [[0, 'Rounding'], [34, '-0.02']],
  [[0, 'Total (incl. GST)'], [34, '21.10']],
  [[0, 'Cash'], [34, '50.00']],
  [[0, 'Change'], [34, '28.90']],
  'GOODS SOLD ARE NOT RETURNABLE',
  'THANK YOU, PLEASE COME AGAIN',
] as const

t.test('a receipt: who, where, when, how much', async (t) => {
  const { fields } = read(grocer)
  t.equal(fields.seller.name?.value, 'HERON & PIKE TRADING SDN BHD')
  t.equal(fields.seller.address?.value, 'NO. 8, JALAN MERANTI 4/2, TAMAN SEROJA, 43000 KAJANG, SELANGOR')
  t.match(fields.issueDate, { value: '17/05/2024', normalised: '2024-05-17' })
  t.match(fields.grandTotal, { value: '21.10', normalised: '21.10', provenance: { page: 1, method: 'ocr', box: { x: 360, y: 356 } } })
  t.ok(fields.grandTotal!.confidence > 0.9 && fields.issueDate!.confidence > 0.9, 'labels, sums and change agree')
  t.ok((fields.seller.name?.confidence ?? 1) <= 0.94 && (fields.seller.address?.confidence ?? 1) <= 0.94, 'a string is never as sure as a sum')
})

t.test('a receipt that recognition broke', async (t) => {
  const { fields } = read([
    [[0, '|'], [10, 'Wren Hardware SON BND']],
    'Lot 12, JUN Kenanga 3,',
    '50480 KUALA LUNPUR',
    'Te1 03-7777 4321',
    [[0, 'Dote 03/O2/2024'], [24, '11:42:07']],
    [[0, 'Hinge x2'], [34, '15.00']],
    [[0, 'Tota1 Sa1es (lnclusive GST)'], [32, 'RM15.00']],
    [[0, 'CASH'], [34, '20.00']],
    [[0, 'CHANGF'], [35, '5.00']],
  ])
  t.equal(fields.seller.name?.value, 'Wren Hardware SDN BHD')
  t.equal(fields.seller.address?.value, 'Lot 12, JLN Kenanga 3, 50480 KUALA LUMPUR')
  t.equal(fields.issueDate?.normalised, '2024-02-03')
  t.match(fields.grandTotal, { value: 'RM15.00', normalised: '15.00' })
})

t.test('a name of several rows, and rows that are none', async (t) => {
  const name = (rows: Parameters<typeof slip>[0]) => read([...rows, 'NO. 8, JALAN MERANTI 4/2,', '43000 KAJANG, SELANGOR', 'TEL: 03-8888 1234', [[0, 'Total'], [34, '4.00']]]).fields.seller.name?.value
  t.equal(name(['HERON MILLS ENTERPRISE', '(NORTH SIDE) SDN BHD', '(123456-X)']), 'HERON MILLS ENTERPRISE (NORTH SIDE) SDN BHD')
  t.equal(name(['PIKE & SONS HARDWARE', 'TRADING', 'Company Reg. No.: 123456-X']), 'PIKE & SONS HARDWARE TRADING')
  t.equal(name(['TAX INVOICE', 'HERON MILLS SDN BHD', 'THANK YOU PLEASE COME AGAIN']), 'HERON MILLS SDN BHD')
})

t.test('stains beside an address, rows that say no more than where', async (t) => {
  const { fields } = read([
    [[0, '8']], 'WREN HARDWARE SDN BHD', '(123456-X)', [[4, 'NO. 8, JALAN MERANTI 4/2,'], [36, '2']], 'TAMAN SEROJA,', '43300 SERI KEMBANGAN, SELANGOR', 'DARUL EHSAN', 'TEL: 03-8888 1234', [[0, 'Total'], [34, '4.00']],
  ])
  t.equal(fields.seller.name?.value, 'WREN HARDWARE SDN BHD')
  t.equal(fields.seller.address?.value, 'NO. 8, JALAN MERANTI 4/2, TAMAN SEROJA, 43300 SERI KEMBANGAN, SELANGOR DARUL EHSAN')
  t.equal(read(['20240517', '(123456-X)', 'WREN HARDWARE', '43300 KAJANG', [[0, 'Total'], [34, '4.00']]]).fields.seller.name?.value, 'WREN HARDWARE', 'numbers name nobody')
})

t.test('cash, change, counts and discounts are no totals', async (t) => {
  const total = (rows: Parameters<typeof slip>[0]) => read(['FINCH CAFE', '3 MILL ROAD', ...rows]).fields.grandTotal?.normalised
  t.equal(total([[[0, 'Tea'], [34, '4.00']], [[0, 'Total'], [34, '4.00']], [[0, 'Cash'], [34, '100.00']], [[0, 'Change'], [34, '96.00']]]), '4.00')
  t.equal(total([[[0, 'Tea'], [34, '4.00']], [[0, 'Total Qty'], [34, '1.00']], [[0, 'Nett Total'], [34, '4.00']], [[0, 'Total Savings'], [34, '9.00']]]), '4.00')
  t.equal(total([[[0, 'Sub Total'], [34, '10.02']], [[0, 'Rounding Adj'], [34, '-0.02']], [[0, 'Total Rounded'], [34, '10.00']]]), '10.00')
  t.equal(total([[[0, 'Coffee'], [34, '3.50']], [[0, 'Amount Due'], [34, '3.50']], [[0, 'VISA'], [34, '3.50']]]), '3.50')
})

t.test('a total misread by a figure is what was paid less the change', async (t) => {
  const paper = (total: string, more: Parameters<typeof slip>[0] = []) => [
    'FINCH CAFE', '3 MILL ROAD', [[0, 'Tea'], [34, '4.00']], [[0, 'Cake'], [34, '5.60']], ...more, [[0, 'Total'], [34, total]], [[0, 'Cash'], [34, '20.00']], [[0, 'Change'], [34, '10.40']],
  ] as const
  t.match(read(paper('9.80')).fields.grandTotal, { value: '9.60', normalised: '9.60' })
  t.equal(read(paper('9.60')).fields.grandTotal?.normalised, '9.60')
  t.equal(read(paper('9.80', [[[0, 'Subtotal'], [34, '9.80']]])).fields.grandTotal?.normalised, '9.80', 'twice on the paper')
  t.equal(read(paper('37.80')).fields.grandTotal?.normalised, '37.80', 'more than a figure apart')
  const printed = extract(slip(paper('9.80'), 1), { receivedDay: '2024-06-01' })
  t.equal(printed.ok && printed.value.fields.grandTotal?.normalised, '9.80', 'a text layer is not misread')
  t.equal(read(['FINCH CAFE', '3 MILL ROAD', [[0, 'Net'], [34, 'RM9.20']], [[0, 'GST'], [34, 'RM0.55']], [[0, 'Total'], [34, 'RMS.75']], [[0, 'Tendered'], [34, 'RM10.00']], [[0, 'Change'], [34, 'RM0.25']]]).fields.grandTotal?.normalised, '9.75', 'an S for a 9')
})

t.test('the page of an invoice is not read as a receipt', async (t) => {
  t.ok(isNarrow(layOut(slip(grocer))))
  const wide = slip(Array.from({ length: 12 }, (_, n) => [[0, `Description number ${n} of goods`], [60, 'quantity'], [90, `1${n}.00 EUR`]] as const))
  t.notOk(isNarrow(layOut(wide)))
  t.notOk(isNarrow(layOut({ ...slip(grocer), pages: [1, 2].map((number) => ({ ...slip(grocer).pages[0]!, number })) })), 'several pages')
})

t.test('whatever stands on a page, the work is bounded', async (t) => {
  const many = (text: string, count: number) => Array.from({ length: count }, (_, n) => [n % 3, text] as const)
  for (const rows of [
    [many('12.34 ', 20_000)], Array.from({ length: 3000 }, () => [[0, 'Total'], [30, '12.34']] as const), [...many(',.-(' .repeat(75), 40)].map((cell) => [cell]),
    Array.from({ length: 300 }, () => [[0, 'SDN BHD (CO NO CO NO '.repeat(14)]] as const), Array.from({ length: 300 }, () => [[0, '1/1/1/1/1/1/'.repeat(25)]] as const), [[[0, '1,1.1 1'.repeat(42)]] as const],
  ]) {
    const before = process.cpuUsage()
    extract(slip(rows as Parameters<typeof slip>[0]))
    const { user, system } = process.cpuUsage(before)
    t.ok(user + system < 10_000_000, `${rows.length} rows: ${Math.round((user + system) / 1000)} ms of processor`)
  }
})

t.test('words as recognition may misread them', async (t) => {
  const words = new WordClasses({ total: ['total', 'subtotal'], date: ['date'] })
  for (const [word, name] of [['total', 'total'], ['tota1', 'total'], ['t0tal', 'total'], ['totat', 'total'], ['subtotat', 'total'], ['dote', undefined], ['d4te', 'date'], ['metal', undefined], ['to', undefined], ['12345', undefined]] as const) {
    t.equal(words.of(word), name, word)
  }
  t.equal(fold('B1LL'), fold('BILL'))
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 })
  fc.assert(fc.property(letters, letters, fc.integer({ min: 1, max: 2 }), (a, b, limit) => within(a, b, limit) === distanceOf(a, b) <= limit))
  t.same([...labelWords('Sub  Total (excl. GST)')].sort(), ['excluding', 'sub', 'tax', 'total'])
})

function distanceOf(a: string, b: string): number {
  if (a === '' || b === '') {
    return a.length + b.length
  }
  const [x, y] = [a.slice(1), b.slice(1)]
  return a[0] === b[0] ? distanceOf(x, y) : 1 + Math.min(distanceOf(x, b), distanceOf(a, y), distanceOf(x, y))
}

t.test('amounts as they may be broken', async (t) => {
  const amounts = (text: string) => amountMentions(rowsOf([[[0, 'Total'], [10, text]]])).map(({ cents, form }) => [cents, form])
  for (const [text, expected] of [
    ['12.34', [[1234, 'exact']]], ['1,234.50', [[123450, 'exact']]], ['12,34', [[1234, 'comma']]], ['12. 34', [[1234, 'spaced']]], ['RM 5 83', [[583, 'spaced']]], ['1O.5O', [[1050, 'letters']]],
    ['8091', [[8091, 'pointless']]], ['RM7', [[700, 'whole']]], ['-3.00', [[-300, 'exact']]], ['RMS.75', [[575, 'letters']]], ['S.75', []], ['17:45 18/05/2024', []], ['17/05/2024', []], ['11:42:07', []], ['6%', []], ['12.345', []], ['A1234.50', []],
  ] as const) {
    t.same(amounts(text), expected, text)
  }
})

t.test('days as they may be broken', async (t) => {
  const days = (text: string) => dateOptions(rowsOf([[[0, text]]]), 'day-month', '2024-12-31').map(({ value }) => value)
  for (const [text, day] of [
    ['17/05/2024', '2024-05-17'], ['2024-05-17 10:11', '2024-05-17'], ['17 MAY 2024', '2024-05-17'], ['17May2024', '2024-05-17'], ['5 0CT 2024', '2024-10-05'], ['May 17, 2024', '2024-05-17'], ['1705/2024', '2024-05-17'], ['17/O5/2024', '2024-05-17'],
    ['17-05-24', '2024-05-17'], ['20240517', '2024-05-17'], ['31/02/2024', undefined], ['03-1234 5678', undefined], ['12.34', undefined],
  ] as const) {
    t.equal(days(text)[0], day, text)
  }
  t.equal(read(['OWL BOOKS', '1 HIGH STREET', 'Date: 7/05/2024', [[0, 'Total'], [34, '4.00']]]).fields.issueDate?.value, '07/05/2024', 'a nought that was not seen')
  t.equal(read(['OWL BOOKS', '1 HIGH STREET', 'Date: 7/5/2024', [[0, 'Total'], [34, '4.00']]]).fields.issueDate?.value, '7/5/2024')
  const { fields } = read(['OWL BOOKS', '1 HIGH STREET', 'Member since 01/01/2020', 'Date: 17/05/2024 10:11', [[0, 'Total'], [34, '4.00']]])
  t.equal(fields.issueDate?.normalised, '2024-05-17')
  const tenant = read(['OWL BOOKS', '1 HIGH STREET', 'Date: 03/04/2024 10:11', [[0, 'Total'], [34, '4.00']]], { dateOrder: 'month-day', receivedDay: '2024-06-01' })
  t.equal(tenant.fields.issueDate?.normalised, '2024-03-04', "the tenant's order")
  const printed = read(['OWL BOOKS', '1 HIGH STREET', 'Date: 03/04/2024 10:11', [[0, 'Total'], [34, '4.00']], 'Return until 03/28/2024'], { receivedDay: '2024-06-01' })
  t.equal(printed.fields.issueDate?.normalised, '2024-03-04', 'another date shows the order')
})

t.test('names and addresses as they are written', async (t) => {
  for (const [rows, name] of [
    [['HERON TRADING (123456-X)'], 'HERON TRADING'], [['PIKE SDN BHD (CO. NO. 7089-A)'], 'PIKE SDN BHD'], [['PIKE(M)SDN 8HD xx'], 'PIKE (M) SDN BHD'], [['HERON MILLS', 'ENTERPRISE (NORTH', 'SIDE) SDN BHD'], 'HERON MILLS ENTERPRISE (NORTH SIDE) SDN BHD'],
    [['W.1.N. STORE'], 'W.I.N. STORE'], [['Kranich GmbH & Co. KG Filiale 3'], 'Kranich GmbH & Co. KG'], [['HERON 5/B'], 'HERON S/B'], [['PIKE BAKERI ES SDN BHD'], 'PIKE BAKERIES SDN BHD'], [['THE IN N BAR'], 'THE IN N BAR'],
    [['HERON SDN.RHD'], 'HERON SDN.BHD'], [['Pike Sdn Bhx'], 'Pike Sdn Bhd'], [['HERON CON BHD'], 'HERON SDN BHD'], [['WREN (SETIa) G/B'], 'WREN (SETIA) S/B'], [['PappaWren GmbH'], 'PappaWren GmbH'], [['WREN CONFECTIUNERY'], 'WREN CONFECTIONERY'], [['Wren Stationary ENTERPR1SE'], 'Wren Stationary ENTERPRISE'], [['PIKE RESTAURANTS'], 'PIKE RESTAURANTS'],
  ] as const) {
    t.equal(cleanName(rows), name)
  }
  t.equal(cleanAddress(['Address: 12, JAL AN MERANTI.', '43000 KAJANG TEL 03-8888 1234']), '12, JALAN MERANTI, 43000 KAJANG')
  for (const [address, spelled] of [
    ['LOT 3 ,B4 , TAMAN WREN', 'LOT 3 ,B4, TAMAN WREN'], ['nO 5, 40150 SHAH ALAN, kL', 'NO 5, 40150 SHAH ALAM, KL'], ['47301 Petaling laya', '47301 Petaling Jaya'], ['40000 SHAH AL AM.', '40000 SHAH ALAM.'],
    ['KAWASAN PERTNDUSTR IAN 5', 'KAWASAN PERINDUSTRIAN 5'], ['JALAN UTARA, KELANA JAYA', 'JALAN UTARA, KELANA JAYA'], ['JALAN KELANG LAMA', 'JALAN KELANG LAMA'], ['TAMAN INDUSTRIES', 'TAMAN INDUSTRIES'],
  ] as const) {
    t.equal(cleanAddress([address]), spelled)
  }
  t.equal(tidy('| ~HERON & CO. |'), 'HERON & CO.')
})

t.test('a choice among options sums readings of one value, and may be none', async (t) => {
  const options = [{ value: 'a', features: { x: 1 } }, { value: 'b', features: { x: 0.8 } }, { value: 'b', features: { x: 0.8 } }]
  t.match(choose(options, { x: 2, none: -9 }), { index: 1 })
  t.ok(choose(options, { x: 2, none: 9 })!.probability < 0.01, 'none of them')
  t.equal(choose([], {}), undefined)
  t.ok(Math.abs(softmax([1, 2, 3]).reduce((sum, one) => sum + one, 0) - 1) < 1e-12)
})

t.test('weights are learned around what is expected', async (t) => {
  const examples = Array.from({ length: 40 }, (_, n) => ({ features: { bias: 1, x: n % 2 }, right: n % 2 === 1 }))
  t.ok(fitBinary(examples, { penalty: 1, rounds: 300 })['x']! > 2)
  const options: Option[] = [{ value: 'good', features: { label: 1 } }, { value: 'bad', features: { other: 1 } }]
  const documents = Array.from({ length: 20 }, () => ({ options, right: (value: string) => value === 'good' }))
  const weights = fitChoice(documents, { penalty: 1, rounds: 300, prior: { unseen: -3 } })
  t.ok(weights['label']! > weights['other']!)
  t.equal(weights['unseen'], -3, 'what no document shows stays as expected')
})

t.test('what is learned is numbers for features, no word of a document', async (t) => {
  const { version, head, date, total } = receiptWeights
  t.type(version, 'number')
  for (const weights of [head.name, head.address, head.nameTrust, head.addressTrust, date, total]) {
    t.ok(Object.keys(weights).length > 5)
    for (const [name, weight] of Object.entries(weights)) {
      t.match(name, /^(?:(?:previous|next|second|word|above|total|sum|form|sales)\.)?[a-z][A-Za-z0-9]*$/)
      t.type(weight, 'number')
    }
  }
})

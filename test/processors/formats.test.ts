/** Formats without pages get the picture of a typewriter: what stands where, and that the extraction finds its way in it. */
import t from 'tap'
import { classify, extract } from '../../processors/index.ts'
import type { DocumentFields, DocumentText } from '../../processors/index.ts'
import { defaultTextBounds } from '../../processors/text/bounds.ts'
import { decodeText } from '../../processors/text/decode-text.ts'
import { readFlow } from '../../processors/text/formats.ts'
import type { FlowKind } from '../../processors/text/messages.ts'
import { refusalOf, sniff } from '../../processors/text/sniff.ts'
import { docxOf, odfOf, paragraph, pptxOf, wordTable, xlsxOf } from './fixtures/office.ts'
import { zipOf } from '../../samples/zip.ts'

/** The rows of each page, as a terminal would show them; wide gaps are three blanks. */
function shown(kind: FlowKind, bytes: Uint8Array | string, bounds = {}): string[][] {
  const read = readFlow(kind, typeof bytes === 'string' ? Buffer.from(bytes) : bytes, { ...defaultTextBounds, ...bounds })
  if (!read.ok) {
    return [[read.failure.code]]
  }
  return read.value.map(({ lines }) => {
    const rows = new Map<number, string>()
    for (const { text, box } of lines) {
      const row = (box.y - 36) / 12
      rows.set(row, (rows.get(row) ?? '').padEnd((box.x - 36) / 6) + text)
    }
    return [...rows.values()].map((row) => row.replace(/ {4,}/g, '   '))
  })
}

const textOf = (kind: FlowKind, bytes: Uint8Array): DocumentText => {
  const read = readFlow(kind, bytes, defaultTextBounds)
  return { route: 'text-layer', language: 'en', pages: read.ok ? read.value : [], quality: 1, issues: [], engine: 'test', engineVersion: '1', dataVersion: '1' }
}

const invoiceRows = [['Pos', 'Description', 'Qty', 'Unit price', 'Amount'], ['1', 'Widget, large', '2', '50.00', '100.00'], ['2', 'Gadget', '1', '100.00', '100.00']] as const
const sums = [['Net amount', '200.00'], ['VAT 19 %', '38.00'], ['Total EUR', '238.00']] as const
const heads = ['Nordwind Handels GmbH', 'Hafenstr. 5', '20457 Hamburg', 'VAT ID: DE136695976', 'Invoice', 'Invoice number: R-2026-118', 'Invoice date: 12.10.2026'] as const

const html = `<!DOCTYPE html><html><head><title>not shown</title><style>td { color: red }</style></head><body>
  <table><tr><td><table><tr><td>${heads.slice(0, 4).join('<br>')}</td><td align=right>${heads.slice(4).join('<br/>')}</td></tr></table></table>
  <div style="color:red; DISPLAY: none">Total 999.99</div><script>document.write('<p>never')</script>
  <table>${invoiceRows.map((row) => `<tr>${row.map((cell) => `<td>${cell}`).join('')}`).join('')}${sums.map(([name, sum]) => `<tr><td colspan=4>${name}</td><td><b>${sum}</b></td></tr>`).join('')}</table></body></html>`

const plain = [...heads, '', 'Pos  Description            Qty   Unit price     Amount', '-'.repeat(55), '1    Widget, large            2        50.00     100.00',
  '2    Gadget                   1       100.00     100.00', ...sums.map(([name, sum]) => `                          ${name.padEnd(18)}${sum.padStart(11)}`)].join('\r\n')

const docx = docxOf(`${heads.slice(4).map((line) => paragraph(line)).join('')}${wordTable(invoiceRows)}${sums.map(([name, sum]) => paragraph(name, '<w:tab/>', sum)).join('')}`, {
  header: heads.slice(0, 4).map((line) => paragraph(line)).join(''),
})

const cell = (column: string, row: number, value: string): string => (/^[\d.]+$/.test(value) ? `<c r="${column}${row}" s="1"><v>${value}</v></c>` : `<c r="${column}${row}" t="inlineStr"><is><t>${value}</t></is></c>`)
const xlsx = xlsxOf([{ name: 'Invoice', rows: [...heads.map((line, n) => `<row r="${n + 1}">${cell('A', n + 1, line)}</row>`),
  ...[...invoiceRows, ...sums.map(([name, sum]) => [name, '', '', '', sum])].map((row, n) => `<row r="${n + 9}">${row.map((value, at) => (value === '' ? '' : cell('ABCDE'[at]!, n + 9, value))).join('')}</row>`)].join('') }], [], ['0.00'])

const odt = odfOf('text', `${heads.map((line) => `<text:p>${line.replace('  ', '<text:s text:c="2"/>')}</text:p>`).join('')}<table:table>${[...invoiceRows, ...sums.map(([name, sum]) => [name, '', '', '', sum])]
  .map((row) => `<table:table-row>${row.map((value) => `<table:table-cell><text:p>${value}</text:p></table:table-cell>`).join('')}</table:table-row>`).join('')}</table:table>`)

for (const [kind, bytes] of [['html', Buffer.from(html)], ['text', Buffer.from(plain)], ['docx', docx], ['xlsx', xlsx], ['odt', odt]] as const) {
  t.test(`an invoice as ${kind} is understood: fields, sums and lines`, async (t) => {
    t.equal(sniff(bytes)?.kind, kind)
    const text = textOf(kind, bytes)
    t.equal(classify(text).type, 'invoice')
    const extraction = extract(text, { dateOrder: 'day-month', defaultCurrency: 'EUR', receivedDay: '2026-11-21' })
    if (!extraction.ok) {
      throw new Error(extraction.failure.code)
    }
    const { fields, lines } = extraction.value
    t.match(
      Object.fromEntries((['invoiceNumber', 'issueDate', 'currency', 'taxBasisTotal', 'taxTotal', 'grandTotal'] as const).map((name) => [name, fields[name]?.normalised])),
      { invoiceNumber: 'R-2026-118', issueDate: '2026-10-12', currency: 'EUR', taxBasisTotal: '200.00', taxTotal: '38.00', grandTotal: '238.00' },
    )
    t.same([fields.seller.name?.value, fields.seller.vatId?.normalised], ['Nordwind Handels GmbH', 'DE136695976'])
    t.same(lines.map((line) => [line.description?.value, line.quantity?.normalised, line.unitPrice?.normalised, line.lineTotal?.normalised].map(String)), [
      ['Widget, large', '2', '50.00', '100.00'], ['Gadget', '1', '100.00', '100.00'],
    ], 'line items')
  })
}

t.test('a narrow German text is understood, too', async (t) => {
  const narrow = ['Ember GmbH', 'Am Kanal 3', '41244 Görlitz', 'USt-IdNr. DE360075290', 'Rechnungsnummer: A-760933', 'Rechnungsdatum: 19.09.2026', 'Toner schwarz     7.609,07', 'Nettobetrag       7.609,07', 'MwSt. 7%            532,63', 'Gesamtbetrag EUR  8.141,70']
  const extraction = extract(textOf('text', Buffer.from(narrow.join('\n'))), { dateOrder: 'day-month', defaultCurrency: 'EUR', receivedDay: '2026-11-21' })
  const { invoiceNumber, issueDate, taxBasisTotal, taxTotal, grandTotal } = extraction.ok ? extraction.value.fields : ({ seller: {}, buyer: {} } as DocumentFields)
  t.same([invoiceNumber, issueDate, taxBasisTotal, taxTotal, grandTotal].map((field) => field?.normalised), ['A-760933', '2026-09-19', '7609.07', '532.63', '8141.70'])
})

t.test('HTML is read as browsers show it, closed or not', async (t) => {
  t.same(shown('html', '<p>a&nbsp;&amp;&#8364;&eacute; <b>b</b><p>c<br><br>d<!-- no --><li>e &notaname; &copy 2026<textarea>no</textarea>'), [['a &€é b', 'c', 'd', 'e &notaname; © 2026']])
  t.same(shown('html', '<table><tr><th>Name<th>Sum<tr><td>a<td>1.00<tr><td>bb<td>22.00</table>'), [['Name   Sum', 'a   1.00', 'bb   22.00']])
  const places = readFlow('html', Buffer.from('<table><tr><th>Name<th>Sum<th>Unit<tr><td>a<td>1.00<td>kg<tr><td>bb<td>22.00<td>t</table>'), defaultTextBounds)
  const edges = (places.ok ? places.value[0]!.lines : []).map(({ box }) => [box.x, box.x + box.width])
  t.same([edges[4]![1], edges[7]![1], edges[5]![0], edges[8]![0], edges[8]![1]! > 450], [edges[1]![1], edges[1]![1], edges[2]![0], edges[2]![0], true], 'numbers flush right, words flush left, over the width of a sheet')
  t.same(shown('html', '<table><tr><td rowspan=2>r<td>1<tr><td>2<tr><td colspan=2>wide</table>'), [['r   1', '   2', 'wide']], 'rows and columns that are covered')
  t.same(shown('html', '<span style="display:none">a<p>b'), [['a', 'b']], 'what never ends to be hidden is shown')
  t.same(shown('html', '<pre>x   y\nz</pre><script>no</scrip'), [['x   y', 'z']])
  t.same(shown('html', `${'<table><tr><td>'.repeat(500)}deep`)[0]!.slice(0, 1), [], 'tables without end hold nothing')
  t.same(shown('html', '<p>'.repeat(1000), { maxXmlElements: 999 }), [['TOO_MUCH_TEXT']])
  t.same(shown('html', `<a title="${'x'.repeat(200_000)}">after</a>`)[0]!.length, 1)
})

t.test('text of every encoding', async (t) => {
  for (const [bytes, declared] of [
    [Buffer.from('Größe €'), undefined], [Buffer.from('\ufeffGröße €'), undefined], [Buffer.from('\ufeffGröße €', 'utf16le'), undefined], [Buffer.from('\ufeffGröße €', 'utf16le').swap16(), undefined],
    [Buffer.from('Größe €'), 'utf-8'], [Buffer.from([0x47, 0x72, 0xf6, 0xdf, 0x65, 0x20, 0x80]), undefined], [Buffer.from([0x47, 0x72, 0xf6, 0xdf, 0x65, 0x20, 0xa4]), 'iso-8859-15'],
    [Buffer.from([0x47, 0x72, 0xf6, 0xdf, 0x65, 0x20, 0x80]), 'utf-8'], [Buffer.from('Größe €'), 'x-nobody-knows'],
  ] as const) {
    t.equal(decodeText(bytes, declared), 'Größe €')
  }
  t.same(shown('html', Buffer.concat([Buffer.from('<html><meta http-equiv=Content-Type content="text/html; charset=windows-1251"><p>'), Buffer.from([0xd1, 0xf7, 0xb8, 0xf2])])), [['Счёт']])
})

t.test('plain text keeps its columns; rulers and frames are none', async (t) => {
  t.same(shown('text', 'Item\tSum\nA\t1.00\n=====\n| Total | 2.00 |\n\f\nSee.  Next one'), [['Item   Sum', 'A   1.00', '   Total   2.00'], ['See. Next one']])
  t.same(shown('text', 'x y '.repeat(30), { maxCharacters: 100 }), [['TOO_MUCH_TEXT']])
  t.same(shown('text', '\fx'.repeat(501)), [['TOO_MANY_PAGES']])
  const wide = readFlow('text', Buffer.from('a  b  c\n'.repeat(3000)), { ...defaultTextBounds, maxLinesPerPage: 1512 })
  t.same(wide.ok && wide.value.map(({ lines }) => lines.length), [1002, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 984], 'no row is lost or parted')
  t.same(shown('text', '\n'.repeat(900), { maxCharacters: 100 }), [['TOO_MUCH_TEXT']], 'lines of nothing')
  t.equal(shown('text', `a${'\r\n'.repeat(5000)}b`).length, 1, 'a long gap is a gap')
})

t.test('DOCX: deleted, hidden and doubled text is left out, text boxes are not', async (t) => {
  const box = `<mc:AlternateContent><mc:Choice><w:drawing><w:txbxContent>${paragraph('boxed')}</w:txbxContent></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>${paragraph('boxed')}</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent>`
  t.same(shown('docx', docxOf(`<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:del><w:r><w:t>deleted</w:t></w:r></w:del><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>
    <w:sdt><w:sdtContent>${paragraph('controlled', '<w:br w:type="page"/>', 'second page')}</w:sdtContent></w:sdt>${paragraph(box)}`)), [['inserted', 'controlled'], ['second page', 'boxed']])
  t.same(shown('docx', docxOf(paragraph('&x;'), { prologue: '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>' })), [['XML_REFUSED']])
  t.same(shown('docx', docxOf(`${'<w:tbl><w:tr><w:tc>'.repeat(20)}${paragraph('inmost')}${'</w:tc></w:tr></w:tbl>'.repeat(20)}`)), [['inmost']])
  t.same(shown('docx', zipOf([{ name: '[Content_Types].xml', data: Buffer.from('<Types/>') }])), [['CORRUPT']])
})

t.test('XLSX: dates, percent, currency, shared strings; hidden sheets and rows are not there', async (t) => {
  const rows = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" s="1"><v>46307</v></c></row><row r="2" hidden="1"><c r="A2"><v>1</v></c></row><row r="3"><c r="A3" s="2"><v>0.19</v></c><c r="B3" s="3"><v>1234.5</v></c><c r="C3"><v>19.989999999999998</v></c></row>'
  t.same(shown('xlsx', xlsxOf([{ name: 'a', rows }, { name: 'b', rows, hidden: true }, { name: 'c', rows: '<row r="1"><c r="A1" t="str"><v>next</v></c></row>' }], ['due'], ['dd/mm/yyyy', '0%', '#,##0.00 [$€-407]'])), [
    ['due   2026-10-12', '19%   1234.50 €   19.99'], ['next'],
  ])
})

t.test('PPTX: slides are pages, shapes from top to bottom', async (t) => {
  const shape = (y: number, text: string): string => `<p:sp><p:spPr><a:xfrm><a:off x="0" y="${y}"/></a:xfrm></p:spPr><p:txBody><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:txBody></p:sp>`
  t.same(shown('pptx', pptxOf([shape(900, 'below') + shape(10, 'above'), '<p:graphicFrame><a:tbl><a:tr><a:tc><p:txBody><a:p><a:r><a:t>x</a:t></a:r></a:p></p:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>'])), [['above', 'below'], ['x']])
})

t.test('ODS: dates as they are, a million empty rows are none, needs no password', async (t) => {
  const row = '<table:table-row><table:table-cell office:value-type="date" office:date-value="2026-10-12"><text:p>12 Oct</text:p></table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
  t.same(shown('ods', odfOf('spreadsheet', `<table:table>${row}<table:table-row table:number-rows-repeated="1048575"><table:table-cell/></table:table-row></table:table>`)), [['2026-10-12']])
  t.same(shown('ods', odfOf('spreadsheet', '', '<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>')), [['ENCRYPTED']])
})

t.test('RTF: letters by code page and Unicode, tables, nothing of what is embedded', async (t) => {
  const rtf = String.raw`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}{\pict 0102}{\v no}Invoice number:\tab R-1\par M\'fcller \u8364? \{x\}\par`
    + String.raw`\trowd\pard\intbl Item\cell Sum\cell\row\trowd\pard\intbl Widget\cell 10.00\cell\row\pard After\par}`
  t.same(shown('rtf', rtf), [['Invoice number:   R-1', 'Müller € {x}', 'Item   Sum', 'Widget   10.00', 'After']])
  t.same(shown('rtf', `{\\rtf1 ${'{'.repeat(2000)}`), [['CORRUPT']])
})

t.test('bytes are what they are, whatever they are called', async (t) => {
  const kinds: readonly (readonly [string | Uint8Array, string | undefined])[] = [
    ['<Invoice xmlns="x"/>', 'xml'], ['<?xml version="1.0"?><!-- x --><html xmlns="x">', 'html'], ['\ufeff<!doctype HTML>', 'html'], ['<div>', 'html'], ['hello there', 'text'], ['GIF89a', undefined],
    ['%!PS-Adobe', undefined], [Buffer.from([1, 2, 3]), undefined], [Buffer.from('\ufeffhello', 'utf16le'), 'text'], ['{\\rtf1 x}', 'rtf'], [zipOf([{ name: 'a', data: Buffer.from('x') }]), 'zip'],
    [pptxOf([]), 'pptx'], [odfOf('presentation', ''), 'odp'], ['MIME-Version: 1.0\r\nFrom: a@b\r\n\r\n%PDF-1.7', 'mail'], ['x\n%PDF-1.7', 'pdf'],
  ]
  for (const [bytes, kind] of kinds) {
    t.equal(sniff(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)?.kind, kind, String(kind))
  }
})

t.test('known formats that are not read say why, and what to send instead', async (t) => {
  const ole = (more: string): Buffer => Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(64), Buffer.from(more, 'utf16le')])
  t.match(refusalOf(ole('WordDocument')), { code: 'FORMAT_OUTDATED', reason: /DOCX/ })
  t.match(refusalOf(ole('EncryptedPackage')), { code: 'ENCRYPTED' })
  t.match(refusalOf(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')), { code: 'CODEC_MISSING', reason: /JPEG/ })
  t.match(refusalOf(Buffer.from('GIF89a')), { code: 'TYPE_UNSUPPORTED' })
})

/** HTML, text, RTF and office documents of too much of everything. */
import { zipOf } from '../../samples/zip.ts'
import { docxOf, odfOf, paragraph, xlsxOf } from '../processors/fixtures/office.ts'
import type { HostileFile } from './corpus.ts'
import { rawBlanks } from './pdf.ts'

const file = (name: string, content: string | Uint8Array, ends: readonly string[] = ['read']): HostileFile => ({
  name, contentType: 'application/octet-stream', bytes: typeof content === 'string' ? Buffer.from(content) : content, ends,
})

export function* markup(): Generator<HostileFile> {
  const much = ['read', 'TOO_MUCH_TEXT', 'TOO_MANY_PAGES']
  yield file('tables-in-tables.html', `<html>${'<table><tr><td>x'.repeat(20_000)}`, much)
  yield file('open-elements.html', `<html>${'<div><b><p><span>'.repeat(40_000)}x`, much)
  yield file('too-many-elements.html', `<html>${'<i>x</i>'.repeat(200_000)}`, ['TOO_MUCH_TEXT'])
  yield file('spans.html', `<html><table>${'<tr><td colspan=1000000 rowspan=1000000>x</td></tr>'.repeat(5000)}</table>`, much)
  yield file('unclosed-comment.html', `<html>x<!--${'<b>'.repeat(500_000)}`)
  yield file('unclosed-tags.html', `<html>x${'<a href="'.repeat(500_000)}`)
  yield file('open-scripts.html', `<html>x${'<script>'.repeat(300_000)}`)
  yield file('references.html', `<html>${'&amp;&#0;&#xffffff;&#55296;'.repeat(40_000)}`, much)
  yield file('attributes.html', `<html><table style="${'display:none;'.repeat(4000)}" ${'a '.repeat(20_000)}><tr><td>x</table>`)
  yield file('asks-a-server.html', '<html><link rel=stylesheet href="http://127.0.0.1:1/"><iframe src="file:///etc/passwd"></iframe><object data="http://127.0.0.1:1/x">x</object>hello')
  yield file('one-line.txt', 'Total 12.00 '.repeat(300_000), ['TOO_MUCH_TEXT'])
  yield file('only-lines.txt', `x${'\n'.repeat(2_000_000)}x`, much)
  yield file('only-tabs.txt', `x${'\t'.repeat(8_000_000)}x`, much)
  yield file('half-letters.txt', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('\ud800'.repeat(1000), 'utf16le')]), ['read', 'TYPE_UNSUPPORTED'])
  yield file('turned-around.txt', `Total \u202e00.21\u202c ${'\u0301'.repeat(100_000)}`)
  yield file('groups.rtf', `{\\rtf1 ${'{'.repeat(1_000_000)}`, ['CORRUPT'])
  yield file('words.rtf', `{\\rtf1 ${'\\par\\tab\\cell\\row\\u-1?'.repeat(30_000)}}`, much)
  yield file('letters.rtf', `{\\rtf1\\ansicpg932 ${"\\'81".repeat(500_000)}}`)
}

export function* officeDocuments(): Generator<HostileFile> {
  const laughs = Array.from({ length: 10 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('')
  yield file('billion-laughs.docx', docxOf(paragraph('&l10;'), { prologue: `<!DOCTYPE x [<!ENTITY l0 "ha">${laughs}]>` }), ['XML_REFUSED'])
  yield file('reads-a-file.docx', docxOf(paragraph('&x;'), { prologue: '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>' }), ['XML_REFUSED'])
  yield file('deep.docx', docxOf('<w:tbl><w:tr><w:tc>'.repeat(3000) + '</w:tc></w:tr></w:tbl>'.repeat(3000)), ['XML_REFUSED'])
  yield file('tables-in-tables.docx', docxOf('<w:tbl><w:tr><w:tc>'.repeat(80) + paragraph('x') + '</w:tc></w:tr></w:tbl>'.repeat(80)), ['XML_REFUSED'])
  yield file('wide.docx', docxOf(paragraph('x').repeat(100_000)), ['XML_REFUSED'])
  yield file('spans.docx', docxOf(`<w:tbl>${'<w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr></w:tc></w:tr>'.repeat(1000)}</w:tbl>`))
  yield file('no-document.docx', zipOf([{ name: '[Content_Types].xml', data: Buffer.from('<Types/>') }, { name: 'word/document.xml', data: Buffer.from('not XML') }]), ['CORRUPT'])
  const size = 64 * 1024 * 1024
  yield file('bomb.docx', zipOf([{ name: '[Content_Types].xml', data: Buffer.from('<Types/>') }, { name: 'word/document.xml', data: new Uint8Array(), packed: rawBlanks(size), claims: { size } }]), ['unfolded', 'EXPANDS_TOO_MUCH'])
  yield file('large-part.docx', docxOf(`${' '.repeat(40 * 1024 * 1024)}`, { header: Array.from({ length: 60_000 }, (_, n) => paragraph(`${n * 7919}`)).join('') }), ['TOO_LARGE', 'EXPANDS_TOO_MUCH', 'XML_REFUSED'])
  yield file('far-cells.xlsx', xlsxOf([{ name: 'a', rows: Array.from({ length: 1000 }, (_, n) => `<row r="${n + 1}"><c r="XFD${n + 1}" t="s"><v>99999999</v></c><c r="ZZZ1"/><c r="A1" t="s"><v>-1</v></c></row>`).join(''), merged: 'A1:XFD1048576' }]))
  yield file('odd-numbers.xlsx', xlsxOf([{ name: 'a', rows: `<row><c s="1"><v>1e308</v></c><c s="1"><v>-1e999</v></c><c s="2"><v>1e15</v></c><c s="__proto__"><v>NaN</v></c><c s="2"><v>${'9'.repeat(100_000)}</v></c></row>` }], [], ['0.00', 'yyyy']))
  yield file('sheet-of-itself.xlsx', zipOf([
    { name: '[Content_Types].xml', data: Buffer.from('<Types/>') }, { name: 'xl/workbook.xml', data: Buffer.from(`<workbook xmlns:r="r"><sheets>${'<sheet name="a" r:id="a"/>'.repeat(2000)}</sheets></workbook>`) },
    { name: 'xl/_rels/workbook.xml.rels', data: Buffer.from('<Relationships><Relationship Id="a" Target="../xl/../../../xl/workbook.xml"/></Relationships>') },
  ]), ['read', 'TOO_MANY_PAGES'])
  yield file('repeated.ods', odfOf('spreadsheet', `<table:table>${'<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell></table:table-row>'.repeat(20)}</table:table>`), ['read', 'TOO_MUCH_TEXT'])
  yield file('blanks.odt', odfOf('text', `<text:p>${'<text:s text:c="999999999"/>x'.repeat(10_000)}</text:p>`), ['read', 'TOO_MUCH_TEXT'])
  yield file('locked.odt', odfOf('text', '', '<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>'), ['ENCRYPTED'])
}

/**
 * What the product reads out of an e-invoice, held against a second reader that shares no code with it: on generated and made-up
 * e-invoices, and with MILLRACE_EINVOICES=DIR on every PDF and XML of a folder.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PDFDocument } from 'pdf-lib'
import type { Test } from 'tap'
import t from 'tap'
import { extract } from '../../../processors/extract/index.ts'
import { defaultTextBounds, recogniseEInvoice } from '../../../processors/text/index.ts'
import { readPdf } from '../../../processors/text/pdf.ts'
import type { EInvoice, Extraction, Field } from '../../../processors/types.ts'
import { writeCii } from '../../../samples/cii.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { createRandom } from '../../../samples/random.ts'
import { pdfOf, stream } from '../../hostile/pdf.ts'
import { page } from '../../processors/fixtures/text.ts'
import { cii, ubl, zugferd1 } from '../../processors/fixtures/e-invoices.ts'
import type { SecondReading } from '../second-reader.ts'
import { secondReading, secondReadingOfPdf } from '../second-reader.ts'

function productReading(eInvoice: EInvoice): Extraction {
  const result = extract({ ...page([]), eInvoice })
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

function recognised(xml: string | Uint8Array): EInvoice {
  const invoice = recogniseEInvoice(typeof xml === 'string' ? Buffer.from(xml) : xml, defaultTextBounds)
  if (!invoice.ok) {
    throw new Error(invoice.failure.code)
  }
  return invoice.value
}

function isField(value: unknown): value is Field {
  return typeof value === 'object' && value !== null && 'normalised' in value
}

/** Names and values, a party's under its name. The address in one line is made of its parts, which are compared. */
function flat(fields: object): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(fields)) {
    for (const [inner, field] of isField(value) ? [[name, value] as const] : Object.entries(value as object).map(([key, one]) => [`${name}.${key}`, one as Field] as const)) {
      if (!inner.endsWith('.address')) {
        values.set(inner, field.normalised)
      }
    }
  }
  return values
}

/** Every difference, as `where name: second / product`. */
function differences(second: SecondReading, product: Extraction): { readonly compared: number; readonly wrong: readonly string[] } {
  const wrong: string[] = []
  let compared = 0
  const compare = (where: string, expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): void => {
    for (const name of new Set([...expected.keys(), ...found.keys()])) {
      compared += 1
      if (expected.get(name) !== found.get(name)) {
        wrong.push(`${where} ${name}: ${expected.get(name)} / ${found.get(name)}`)
      }
    }
  }
  compare('fields', second.fields, flat(product.fields))
  for (const group of ['lines', 'taxes', 'adjustments'] as const) {
    const found = product[group] ?? []
    for (let n = 0; n < Math.max(second[group].length, found.length); n += 1) {
      compare(`${group}[${n}]`, second[group][n] ?? new Map(), flat(found[n] ?? {}))
    }
  }
  return { compared, wrong }
}

t.test('made-up e-invoices of every syntax, all terms', async (t) => {
  for (const [name, xml, least] of [['CII', cii, 105], ['ZUGFeRD 1', zugferd1, 38], ['UBL invoice', ubl('Invoice'), 85], ['UBL credit note', ubl('CreditNote'), 85]] as const) {
    const { compared, wrong } = differences(secondReading(xml), productReading(recognised(xml)))
    t.same(wrong, [], name)
    t.ok(compared >= least, `${name}: ${compared} values`)
  }
})

t.test('prefixes, comments, CDATA, byte order marks and encodings change nothing', async (t) => {
  const expected = flat(productReading(recognised(cii)).fields)
  const same = (xml: string | Uint8Array, what: string): void => {
    t.same([...flat(productReading(recognised(xml)).fields)], [...expected], what)
  }
  same(cii.replaceAll('rsm:', 'a:').replaceAll('xmlns:rsm', 'xmlns:a').replaceAll('ram:', 'b-1.x:').replaceAll('xmlns:ram', 'xmlns:b-1.x'), 'other prefixes')
  same(cii.replaceAll(/(<\/?)rsm:/g, '$1').replace('xmlns:rsm', 'xmlns'), 'a default namespace')
  same(cii.replace('2026/0815', '<![CDATA[2026/0815]]>'), 'CDATA')
  same(cii.replace('<ram:ID>2026/0815', '<ram:ID><!-- number -->2026/0815'), 'a comment in a value')
  same(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(cii)]), 'UTF-8 with a mark')
  same(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(cii.replace('UTF-8', 'UTF-16'), 'utf16le')]), 'UTF-16')
  same(Buffer.from(cii.replace('UTF-8', 'ISO-8859-1'), 'latin1'), 'ISO 8859-1')
  same(cii.replaceAll('ö', '&#246;').replaceAll('ü', '&#xFC;'), 'character references')
})

t.test('missing groups are missing fields, never an error', async (t) => {
  for (const xml of [cii, zugferd1, ubl('Invoice'), ubl('CreditNote')]) {
    for (const name of new Set([...xml.matchAll(/<((?:ram|cac|udt|cbc):\w+)[ >]/g)].map((match) => match[1]!))) {
      const without = xml.replaceAll(new RegExp(`<${name}(?: [^>]*)?>(?:(?!<${name}[ >])[\\s\\S])*?</${name}>`, 'g'), '')
      const { wrong } = differences(secondReading(without), productReading(recognised(without)))
      t.same(wrong, [], `without ${name}`)
    }
  }
})

t.test('the e-invoice among attachments is told by its content', async (t) => {
  const read = async (files: readonly (readonly [string, string | Uint8Array])[]): Promise<EInvoice | undefined> => {
    const document = await PDFDocument.create()
    document.addPage([200, 200])
    for (const [name, content] of files) {
      await document.attach(typeof content === 'string' ? Buffer.from(content) : content, name)
    }
    const bytes = await document.save()
    const result = await readPdf(bytes, defaultTextBounds)
    t.ok(result.ok)
    t.equal((await secondReadingOfPdf(bytes)) === undefined, result.ok && result.value.eInvoice === undefined, 'the second reader agrees')
    return result.ok ? result.value.eInvoice : undefined
  }
  t.match(await read([['rechnung.dat', cii]]), { syntax: 'cii' }, 'an odd name')
  t.match(await read([['a.xml', '<order><id>1</id></order>'], ['notes.txt', 'hello'], ['UBL', ubl('Invoice')]]), { syntax: 'ubl' }, 'among others')
  t.match(await read([['a.xml', ubl('Invoice')], ['factur-x.xml', cii]]), { syntax: 'cii' }, 'the standard name first')
  t.equal(await read([['a.xml', '<order/>'], ['factur-x.xml', '<broken']]), undefined)
  t.equal(await read([]), undefined)
})

t.test('an e-invoice that hangs on a page as an annotation is found', async (t) => {
  const bytes = pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>', '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Annots [4 0 R] >>',
    '<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 9 9] /FS 5 0 R >>', '<< /Type /Filespec /F (data.bin) /UF (data.bin) /EF << /F 6 0 R >> >>', stream(Buffer.from(cii), '/Type /EmbeddedFile'),
  ])
  const result = await readPdf(bytes, defaultTextBounds)
  t.match(result, { ok: true, value: { eInvoice: { syntax: 'cii', profile: 'urn:cen.eu:en16931:2017' } } })
})

t.test('generated e-invoices', async (t) => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const xml = writeCii(createInvoice(createRandom(seed), { language: seed % 2 === 0 ? 'de' : 'en', now: new Date('2026-11-21') }), seed % 3 === 0 ? 'zugferd' : 'factur-x')
    t.same(differences(secondReading(xml), productReading(recognised(xml))).wrong, [])
  }
})

const folder = process.env['MILLRACE_EINVOICES']
if (folder !== undefined) {
  t.test('every e-invoice of a folder', (t) => compareFolder(t, folder))
}

async function compareFolder(t: Test, folder: string): Promise<void> {
  let documents = 0
  let values = 0
  for (const name of readdirSync(folder).sort()) {
    const bytes = readFileSync(join(folder, name))
    if (name.endsWith('.pdf')) {
      const [second, product] = [await secondReadingOfPdf(bytes), await readPdf(bytes, defaultTextBounds)]
      t.ok(product.ok, name)
      const eInvoice = product.ok ? product.value.eInvoice : undefined
      t.equal(eInvoice === undefined, second === undefined, `${name}: both find an e-invoice, or neither`)
      if (second !== undefined && eInvoice !== undefined) {
        const { compared, wrong } = differences(second, productReading(eInvoice))
        t.same(wrong, [], name)
        documents += 1
        values += compared
      }
    } else if (name.endsWith('.xml')) {
      const { compared, wrong } = differences(secondReading(bytes.toString('utf8')), productReading(recognised(bytes)))
      t.same(wrong, [], name)
      documents += 1
      values += compared
    }
  }
  t.comment(`${documents} e-invoices, ${values} values compared`)
  t.ok(documents > 0, 'the folder holds e-invoices')
}

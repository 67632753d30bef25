import { PDFDocument, StandardFonts } from 'pdf-lib'
import sharp from 'sharp'
import t from 'tap'
import { childrenOf } from '../../../benchmarks/engine/process-usage.ts'
import type { DocumentText, Outcome } from '../../../processors/index.ts'
import { createTextReader, extract } from '../../../processors/index.ts'
import { isUsableText } from '../../../processors/text/garbage.ts'
import { joinWords } from '../../../processors/text/runs.ts'
import { decodeXml, find, parseXml } from '../../../processors/text/xml.ts'
import { writeCii } from '../../../samples/cii.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { drawInvoice } from '../../../samples/pdf-invoice.ts'
import { createRandom } from '../../../samples/random.ts'
import { scan, scanReceipt, scanToPdf } from '../../../samples/receipt.ts'

// Recognition takes its time on a loaded machine; only a hang should end this.
t.setTimeout(240_000)
const reader = createTextReader({ recognisers: 1 })
t.teardown(() => reader.close())
const now = new Date('2026-11-21T12:00:00Z')

async function read(bytes: Uint8Array): Promise<DocumentText> {
  const text = await reader.read(bytes)
  if (!text.ok) {
    throw new Error(text.failure.code)
  }
  return text.value
}

const allText = (text: DocumentText): string => text.pages.flatMap((page) => page.lines.map((line) => line.text)).join('\n')

t.test('a text layer is read with places, without recognition', async (t) => {
  const random = createRandom(1)
  const invoice = createInvoice(random, { language: 'de', now })
  const text = await read(await (await drawInvoice(random, invoice)).save())
  t.equal(text.route, 'text-layer')
  t.equal(text.language, 'de')
  t.equal(text.pages.length, 1)
  t.match(allText(text), invoice.seller.name)
  for (const { box } of text.pages[0]!.lines) {
    t.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 596 && box.y + box.height <= 842, 'inside the page')
  }
})

t.test('pages in = pages out: a scan between pages with text is recognised alone', async (t) => {
  const random = createRandom(2)
  const invoice = createInvoice(random, { language: 'en', now })
  const scanned = await PDFDocument.load(await scanToPdf(random, await (await drawInvoice(random, invoice)).save()))
  const document = await PDFDocument.create()
  const font = await document.embedFont(StandardFonts.Helvetica)
  const first = document.addPage()
  first.drawText('The first page has a text layer of its own', { x: 50, y: 700, font })
  // A logo: it is looked at, and says nothing that the layer does not.
  first.drawRectangle({ x: 50, y: 300, width: 200, height: 200 })
  const stamped = document.addPage((await document.copyPages(scanned, [0]))[0])
  stamped.drawText('Scanned with a pocket camera', { x: 50, y: 10, size: 8, font })
  document.addPage().drawText('The third page has a text layer as well', { x: 50, y: 700, font })
  const text = await read(await document.save())
  t.equal(text.route, 'ocr')
  t.same(text.pages.map((page) => page.number), [1, 2, 3])
  t.match(text.pages[0]!.lines, [{ text: /first page/, confidence: 1 }])
  t.match(text.pages[1]!.lines.map((line) => line.text).join('\n'), invoice.number, 'a stamp is no text layer')
  t.equal(text.pages[2]!.lines[0]!.confidence, 1)
  t.same(text.issues, [])
})

t.test('the pages of an e-invoice are recognised where they are pictures: its XML is compared with what a person sees', async (t) => {
  const random = createRandom(9)
  const invoice = createInvoice(random, { language: 'de', now })
  const document = await PDFDocument.load(await scanToPdf(random, await (await drawInvoice(random, invoice)).save()))
  await document.attach(Buffer.from(writeCii(invoice, 'factur-x')), 'factur-x.xml', { mimeType: 'text/xml' })
  const text = await read(await document.save())
  t.equal(text.route, 'e-invoice-xml')
  const compared = (xml: string): readonly string[] => {
    const extraction = extract({ ...text, eInvoice: { ...text.eInvoice!, xml } })
    return extraction.ok ? (extraction.value.visible ?? []).map(({ field, outcome }) => `${field} ${outcome}`) : [extraction.failure.code]
  }
  const { xml } = text.eInvoice!
  t.same(compared(xml), ['invoiceNumber agrees', 'issueDate agrees', 'grandTotal agrees'])
  t.same(compared(xml.replace(/(GrandTotalAmount[^>]*>)/, '$19')), ['invoiceNumber agrees', 'issueDate agrees', 'grandTotal differs'])
})

t.test('the same bytes give the same text whatever was read before', async (t) => {
  const random = createRandom(3)
  const first = await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 4 }), 'jpeg')
  const before = await read(first)
  for (let n = 0; n < 2; n += 1) {
    await read(await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 4 }), 'png'))
  }
  t.same(await read(first), before, 'in the same process, after others')
  const fresh = createTextReader({ recognisers: 1 })
  const again = await fresh.read(first)
  await fresh.close()
  t.same(again, { ok: true, value: before }, 'in a new process')
})

t.test('a page on its side or upside down is read, by EXIF and without', async (t) => {
  const random = createRandom(4)
  const invoice = createInvoice(random, { language: 'en', now, maxLines: 3 })
  const page = sharp(await scan(random, await (await drawInvoice(random, invoice)).save(), 130, 'png'))
  const { width } = await page.metadata()
  // The upper part is enough to know the direction by.
  const upright = await page.extract({ left: 0, top: 0, width, height: 420 }).png().toBuffer()
  for (const turn of [90, 180, 270]) {
    const text = await read(await sharp(upright).rotate(turn).png().toBuffer())
    t.match(allText(text), invoice.seller.name, `turned by ${turn}`)
    t.equal(Math.round((text.pages[0]!.turned ?? 0) / 10) * 10, 360 - turn, 'and says by how much it was turned back')
  }
  const byExif = await read(await sharp(upright).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer())
  t.match(allText(byExif), invoice.seller.name, 'by EXIF')
})

t.test('a receipt that lies on its side or upside down is read as upright', async (t) => {
  const random = createRandom(9)
  const receipt = await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 2 }), 'png')
  const [upright] = (await read(receipt)).pages
  for (const turn of [180, 270]) {
    const [page] = (await read(await sharp(receipt).rotate(turn).png().toBuffer())).pages
    t.same(page?.lines, upright?.lines, `turned by ${turn}`)
    t.equal(page?.turned, 360 - turn)
  }
})

t.test('a text layer of garbage is recognised instead', async (t) => {
  const line = (text: string): { text: string; box: { x: number; y: number; width: number; height: number }; confidence: number } => ({ text, box: { x: 0, y: 0, width: 10, height: 10 }, confidence: 1 })
  t.equal(isUsableText([line('Invoice number 4711 of the first of May')]), true)
  t.equal(isUsableText([line('\ue001\ue002\ue003\ue004 \ue005\ue006\ue007 \ue008\ue009\ue00a\ue00b\ue00c\ue00d\ue00e\ue00f\ue010\ue011')]), false)
  t.equal(isUsableText([line('Page 3')]), false)
  t.equal(isUsableText(Array.from({ length: 12 }, () => line('Xkcdf Bnmtr Wrtzp Lkjhg'))), false)
  const sheet = (await drawInvoice(createRandom(1), createInvoice(createRandom(1), { language: 'de', now, maxLines: 12 }))).save()
  const { lines } = (await read(await sheet)).pages[0]!
  t.equal(isUsableText(lines), true)
  const glyphs = (text: string): string => text.replace(/[>-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 29))
  t.equal(isUsableText(lines.map((one) => ({ ...one, text: glyphs(one.text) }))), false, 'numbers of glyphs instead of letters')
})

t.test('words join to runs, wide gaps part them', async (t) => {
  const word = (text: string, x: number, width: number): { text: string; box: { x: number; y: number; width: number; height: number }; confidence: number } => ({ text, box: { x, y: 5, width, height: 10 }, confidence: 0.8 })
  const lines = joinWords([word('12.00', 200, 30), word('Desk', 10, 25), word('lamp', 38, 28), word('s', 66, 5)], 1.1)
  t.same(lines.map((line) => line.text), ['Desk lamps', '12.00'])
  t.equal(lines[0]!.box.width, 61)
})

t.test('XML: entities, document types, depth, number and encodings', async (t) => {
  const bounds = { maxXmlBytes: 100_000, maxXmlElements: 1000, maxXmlDepth: 20 }
  t.match(parseXml('<!DOCTYPE a><a/>', bounds), { ok: false, failure: { code: 'XML_REFUSED' } })
  t.match(parseXml('<a>'.repeat(21) + '</a>'.repeat(21), bounds), { ok: false, failure: { code: 'XML_REFUSED', limit: 20 } })
  t.match(parseXml(`<a>${'<b/>'.repeat(1000)}</a>`, bounds), { ok: false, failure: { code: 'XML_REFUSED', limit: 1000 } })
  t.match(parseXml('x'.repeat(100_001), bounds), { ok: false, failure: { code: 'TOO_LARGE' } })
  for (const broken of ['', 'a', '<', '<a', '<a></b>', '<a b></a>', '<!-- <a></a>', '<a/><b/>', '<?xml', '<a>&nope;</a'] ) {
    const parsed = parseXml(broken, bounds)
    t.ok(!parsed.ok, broken)
  }
  t.match(parseXml('<a><__proto__>1</__proto__></a>', bounds), { ok: false })
  const parsed = parseXml('<p:a xmlns:p="x" k="&quot;1&#33;"><p:b>x &amp; &lt;y&gt; &#xe4;</p:b><c/></p:a>', bounds)
  t.ok(parsed.ok)
  if (parsed.ok) {
    t.equal(find(parsed.value, 'b')?.text, 'x & <y> ä')
    t.equal(parsed.value.attributes.get('k'), '"1!')
  }
  t.match(decodeXml(Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe4</a>', 'latin1'), bounds), { ok: true, value: /ä/ })
  t.match(decodeXml(Buffer.from('\ufeff<a>ä</a>', 'utf16le'), bounds), { ok: true, value: '<a>ä</a>' })
  t.match(decodeXml(Buffer.from('<?xml version="1.0" encoding="EBCDIC"?><a/>'), bounds), { ok: false, failure: { code: 'XML_REFUSED' } })
  t.match(decodeXml(Buffer.from([0x3c, 0x61, 0xff, 0x3e]), bounds), { ok: false, failure: { code: 'XML_REFUSED' } })
})

t.test('bounds are outcomes with their limit', async (t) => {
  const document = await PDFDocument.create()
  for (let n = 0; n < 4; n += 1) {
    document.addPage()
  }
  const bytes = await document.save()
  t.match(await reader.read(bytes, { bounds: { maxPages: 3 } }), { ok: false, failure: { code: 'TOO_MANY_PAGES', limit: 3 } })
  t.match(await reader.read(bytes, { bounds: { maxOcrPages: 3 } }), { ok: false, failure: { code: 'TOO_MANY_PAGES', limit: 3 } })
  const random = createRandom(1)
  const invoice = await (await drawInvoice(random, createInvoice(random, { language: 'en', now }))).save()
  t.match(await reader.read(invoice, { bounds: { maxCharacters: 100 } }), { ok: false, failure: { code: 'TOO_MUCH_TEXT', limit: 100 } })
  t.match(await reader.read(invoice, { bounds: { parseTimeoutMs: 1 } }), { ok: false, failure: { code: 'TIMEOUT' } })
  t.match(await reader.read(invoice), { ok: true }, 'the next document is served')
  await t.rejects(reader.read(invoice, { signal: AbortSignal.abort() }), { code: 'ABORTED' })
})

t.test('a blank page has no lines and is no error', async (t) => {
  const document = await PDFDocument.create()
  document.addPage([200, 200])
  const text = await read(await document.save())
  t.equal(text.pages.length, 1)
  t.same(text.issues, [])
  t.equal(text.language, 'und')
})

t.test('a page of absurd size is rendered within bounds', async (t) => {
  const document = await PDFDocument.create()
  document.addPage([14_400, 14_400])
  document.addPage([3, 14_400])
  const text = await read(await document.save())
  t.equal(text.pages.length, 2)
  t.ok(text.pages.every((page) => page.width <= 14_400))
})

t.test('a PDF with any bytes changed is an outcome, and the next document is served', async (t) => {
  const random = createRandom(8)
  const bytes = await (await drawInvoice(random, createInvoice(random, { language: 'en', now }))).save({ useObjectStreams: false })
  let refused = 0
  for (let n = 0; n < 40; n += 1) {
    const changed = Buffer.from(bytes)
    for (let change = 0; change < 1 + n; change += 1) {
      changed[random.integer(16, changed.length - 1)] = random.integer(0, 255)
    }
    const result = await reader.read(n % 4 === 0 ? changed.subarray(0, random.integer(20, changed.length)) : changed, { bounds: { maxOcrPages: 0 } })
    refused += result.ok ? 0 : 1
    t.ok(result.ok || ['CORRUPT', 'ENCRYPTED', 'TOO_MANY_PAGES', 'TIMEOUT', 'CRASHED'].includes(result.failure.code))
  }
  t.ok(refused > 0, 'some could not be read')
  t.match(await reader.read(bytes), { ok: true })
})

t.test('pages of a TIFF are pages; half a picture is corrupt; noise that claims to be an invoice is refused', async (t) => {
  const blank = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#ffffff' } }).png().toBuffer()
  const tiff = await read(await sharp([blank, blank, blank], { join: { animated: true } }).tiff().toBuffer())
  t.same(tiff.pages.map((page) => page.number), [1, 2, 3])
  t.equal(tiff.quality, 0)
  const random = createRandom(6)
  const jpeg = await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 2 }), 'jpeg')
  t.match(await reader.read(jpeg.subarray(0, jpeg.length / 2)), { ok: false, failure: { code: 'CORRUPT' } })
  t.match(await reader.read(Buffer.from('<Invoice>')), { ok: false, failure: { code: 'CORRUPT' } })
  t.match(await reader.read(Buffer.from('\x01no document at all')), { ok: false, failure: { code: 'TYPE_UNSUPPORTED' } })
})

const recognisers = (): number[] => childrenOf(process.pid).filter(({ command }) => command.includes('/tesseract-process.ts')).map(({ pid }) => pid)

/** Its recogniser is held before it meets the bytes, and dies as one does that is stopped for its time or memory. */
async function readWithFirstRecogniserKilled(bytes: Uint8Array): Promise<Outcome<DocumentText>> {
  const own = createTextReader({ recognisers: 1 })
  try {
    const before = recognisers()
    await own.read(await blank(40))
    const [pid] = recognisers().filter((one) => !before.includes(one))
    process.kill(pid!, 'SIGSTOP')
    const reading = own.read(bytes)
    process.kill(pid!, 'SIGKILL')
    return await reading
  } finally {
    await own.close()
  }
}

const blank = (width: number, height = width): Promise<Buffer> => sharp({ create: { width, height, channels: 3, background: '#ffffff' } }).png().toBuffer()

t.test('a first page at which its recogniser is stopped is named, and the others are read', async (t) => {
  const one = await blank(300, 200)
  const tiff = await sharp([one, one, one], { join: { animated: true } }).tiff().toBuffer()
  const text = await readWithFirstRecogniserKilled(tiff)
  t.match(text, { ok: true, value: { pages: [{ number: 1, lines: [] }, { number: 2, width: 300 }, { number: 3, width: 300 }] } })
  t.same(text.ok && text.value.issues, [{ page: 1, code: 'CRASHED' }])
  t.match(await readWithFirstRecogniserKilled(one), { ok: false, failure: { code: 'CRASHED' } }, 'of one page nothing is left')
  t.match(await reader.read(tiff, { bounds: { maxOcrPages: 2 } }), { ok: false, failure: { code: 'TOO_MANY_PAGES', limit: 2 } })
})

t.test('AVIF and WebP are read, HEIC is named as what cannot be; each page of a TIFF has its own bound', async (t) => {
  t.same((await read(await sharp(await blank(64)).avif().toBuffer())).pages.length, 1)
  t.same((await read(await sharp(await blank(64)).webp({ lossless: true }).toBuffer())).pages.map((page) => page.number), [1])
  const black = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#000000' } }).png().toBuffer()
  const frames = await sharp([await blank(64), black], { join: { animated: true } }).webp().toBuffer()
  t.same((await read(frames)).pages.map((page) => page.number), [1, 2])
  const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')
  t.match(await reader.read(heic), { ok: false, failure: { code: 'CODEC_MISSING' } })
  const small = await sharp(await blank(40)).tiff().toBuffer()
  t.match(await reader.read(small, { bounds: { maxPixels: 1599 } }), { ok: false, failure: { code: 'TOO_MANY_PIXELS', limit: 1599 } })
})

t.test('one document with pages that no parser can read is complete, and says which', async (t) => {
  const kids = '3 0 R 9 0 R'
  const bytes = Buffer.from(`%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[${kids}]/Count 2>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>endobj\ntrailer<</Root 1 0 R>>`)
  const text = await read(bytes)
  t.equal(text.pages.length, 2)
  t.same(text.issues, [{ page: 2, code: 'CORRUPT' }])
})

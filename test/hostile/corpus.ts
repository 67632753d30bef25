/**
 * Files made to hurt whoever opens them. Everything is made here, from a seed: nothing hostile lies in the repository.
 */
import { crc32, deflateSync } from 'node:zlib'
import { writeCii } from '../../samples/cii.ts'
import { encryptPdf } from '../../samples/encrypt.ts'
import { createInvoice } from '../../samples/invoice.ts'
import { drawInvoice } from '../../samples/pdf-invoice.ts'
import type { Random } from '../../samples/random.ts'
import { createRandom } from '../../samples/random.ts'
import { zipOf } from '../../samples/zip.ts'
import { archives } from './archives.ts'
import { mails } from './mails.ts'
import { markup, officeDocuments } from './markup.ts'
import { deflatedBlanks, pageOf, pdfOf, stream } from './pdf.ts'

export interface HostileFile {
  readonly name: string
  readonly contentType: string
  readonly bytes: Uint8Array
  /** The codes it may end with; `read` where it may be read after all, `unfolded` where it holds documents and has no text. */
  readonly ends: readonly string[]
}

export interface CorpusOptions {
  readonly seed: number
  /** Fuzzed PDFs. */
  readonly fuzzed: number
  /** Bombs of full size and pictures that are decoded: minutes. */
  readonly wide: boolean
}

const hello = zipOf([{ name: 'a.txt', data: Buffer.from('hello') }])
const now = new Date('2026-11-21T12:00:00Z')
const anyEnd = ['read', 'scan', 'CORRUPT', 'ENCRYPTED', 'TOO_MANY_PAGES', 'TOO_MUCH_TEXT', 'TIMEOUT', 'MEMORY', 'CRASHED', 'XML_REFUSED', 'TYPE_UNSUPPORTED', 'unfolded']
const stopped = ['TIMEOUT', 'MEMORY', 'CRASHED', 'CORRUPT', 'TOO_MUCH_TEXT', 'read', 'scan']

export async function* hostileFiles(options: CorpusOptions): AsyncGenerator<HostileFile> {
  const random = createRandom(options.seed)
  const document = await drawInvoice(random, createInvoice(random, { language: 'de', now }))
  const plain = Buffer.from(await document.save())
  await document.attach(Buffer.from(writeCii(createInvoice(random, { language: 'de', now }), 'factur-x')), 'factur-x.xml', { mimeType: 'text/xml' })
  const hybrid = Buffer.from(await document.save())
  const pdf = (name: string, bytes: Uint8Array, ends: readonly string[] = anyEnd): HostileFile => ({ name, contentType: 'application/pdf', bytes, ends })

  yield* truncated(plain, hybrid)
  yield pdf('encrypted.pdf', await encryptPdf(plain, 'secret'), ['ENCRYPTED'])
  yield* polyglots(plain)
  yield* pdfStructures(options.wide)
  yield* bombs(options.wide)
  yield* pictures(options.wide)
  yield* xmlFiles()
  yield* archives(options.wide)
  yield* mails(plain)
  yield* markup()
  yield* officeDocuments()
  yield* mislabelled(plain)
  for (let n = 0; n < options.fuzzed; n += 1) {
    yield pdf(`fuzzed-${n}.pdf`, fuzz(random, n % 2 === 0 ? plain : hybrid))
  }
}

function* truncated(plain: Buffer, hybrid: Buffer): Generator<HostileFile> {
  for (const share of [0.02, 0.3, 0.6, 0.9, 0.99]) {
    yield { name: `truncated-${share}.pdf`, contentType: 'application/pdf', bytes: plain.subarray(0, Math.floor(plain.length * share)), ends: anyEnd }
    yield { name: `truncated-hybrid-${share}.pdf`, contentType: 'application/pdf', bytes: hybrid.subarray(0, Math.floor(hybrid.length * share)), ends: anyEnd }
  }
  const xml = Buffer.from(writeCii(createInvoice(createRandom(1), { language: 'de', now }), 'factur-x'))
  yield { name: 'truncated.xml', contentType: 'application/xml', bytes: xml.subarray(0, xml.length / 2), ends: ['CORRUPT'] }
  yield { name: 'truncated.png', contentType: 'image/png', bytes: png(400, 300, 8).subarray(0, 60), ends: ['CORRUPT', 'scan'] }
  yield { name: 'empty.pdf', contentType: 'application/pdf', bytes: new Uint8Array(), ends: ['EMPTY'] }
}

function* polyglots(plain: Buffer): Generator<HostileFile> {
  const pdf = (name: string, bytes: Uint8Array): HostileFile => ({ name, contentType: 'application/octet-stream', bytes, ends: anyEnd })
  yield pdf('html-and-pdf.pdf', Buffer.concat([Buffer.from('<html><script>alert(1)</script>'), plain]))
  yield pdf('pdf-and-zip.pdf', Buffer.concat([plain, hello]))
  yield pdf('jpeg-and-pdf.jpg', Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), plain]))
  yield pdf('png-and-zip.png', Buffer.concat([png(40, 30, 8), hello]))
  yield pdf('zip-and-pdf.zip', Buffer.concat([hello, plain]))
  yield pdf('gif-and-zip.gif', Buffer.concat([Buffer.from('GIF89a'), hello]))
  yield pdf('html-and-zip.html', Buffer.concat([Buffer.from('<html><!--'), hello]))
  yield pdf('mail-and-pdf.eml', Buffer.concat([Buffer.from('MIME-Version: 1.0\r\nFrom: a@b\r\n\r\n'), plain]))
  yield pdf('xml-and-pdf.xml', Buffer.concat([Buffer.from('<?xml version="1.0"?><a><![CDATA['), plain, Buffer.from(']]></a>')]))
}

function* pdfStructures(wide: boolean): Generator<HostileFile> {
  const pdf = (name: string, bytes: Uint8Array, ends: readonly string[] = anyEnd): HostileFile => ({ name, contentType: 'application/pdf', bytes, ends })
  const hello = stream('BT /F 12 Tf 72 700 Td (Rechnung Nr. 4711 vom 02.10.2026) Tj ET')
  const pages = 10_000
  yield pdf('ten-thousand-pages.pdf', pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages} /Kids [${Array.from({ length: pages }, (_, n) => `${n + 3} 0 R`).join(' ')}] >>`,
    ...Array.from({ length: pages }, () => '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>'),
  ]), ['TOO_MANY_PAGES'])
  yield pdf('a-billion-pages.pdf', pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>', '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>']), ['TOO_MANY_PAGES', 'CORRUPT', 'read', 'scan'])
  yield pdf('no-pages.pdf', pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 0 >>']), ['CORRUPT'])
  yield pdf('pages-in-a-circle.pdf', pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R] /Count 1 >>']))
  yield pdf('catalogue-in-a-circle.pdf', pdfOf(['1 0 R']))
  yield pdf('deep-pages.pdf', pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', ...Array.from({ length: 5000 }, (_, n) => `<< /Type /Pages /Kids [${n + 3} 0 R] /Count 1 >>`), '<< /Type /Page /MediaBox [0 0 9 9] >>']))
  yield pdf('deep-arrays.pdf', pageOf(hello, `/Font << /F 4 0 R >> /X ${'['.repeat(50_000)}${']'.repeat(50_000)}`))
  yield pdf('deep-dictionaries.pdf', pageOf(hello, `/Font << /F 4 0 R >> /X ${'<< /A '.repeat(50_000)}0${' >>'.repeat(50_000)}`))
  yield pdf('table-in-a-circle.pdf', Buffer.from(pageOf(hello).toString('latin1').replace('/Root 1 0 R', '/Root 1 0 R /Prev 15'), 'latin1'))
  yield pdf('length-of-itself.pdf', Buffer.from(pageOf(hello).toString('latin1').replace(/\/Length \d+/, '/Length 5 0 R'), 'latin1'))
  yield pdf('length-of-a-terabyte.pdf', Buffer.from(pageOf(hello).toString('latin1').replace(/\/Length \d+/, '/Length 1099511627776'), 'latin1'))
  yield pdf('form-draws-itself.pdf', pageOf(stream('/X Do'), '/XObject << /X 5 0 R >>', [stream('/X Do /X Do', '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>')]))
  const levels = 24
  yield pdf('forms-that-double.pdf', pageOf(stream('/X Do'), '/XObject << /X 5 0 R >>', Array.from({ length: levels }, (_, n) =>
    stream(n === levels - 1 ? 'BT /F 1 Tf (x) Tj ET' : '/X Do /X Do', `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F 4 0 R >> /XObject << /X ${n + 6} 0 R >> >>`))), stopped)
  yield pdf('runs-a-script.pdf', Buffer.from(pageOf(hello).toString('latin1').replace('/Pages 2 0 R', '/Pages 2 0 R /OpenAction << /S /JavaScript /JS (while \\(true\\) {}) >>'), 'latin1'), ['read'])
  yield pdf('opens-an-address.pdf', Buffer.from(pageOf(hello).toString('latin1').replace('/Pages 2 0 R', '/Pages 2 0 R /OpenAction << /S /URI /URI (http://127.0.0.1:1/) >>'), 'latin1'), ['read'])
  yield pdf('page-of-no-size.pdf', Buffer.from(pageOf(hello).toString('latin1').replace('[0 0 595 842]', '[0 0 0 0]'), 'latin1'))
  yield pdf('page-of-a-light-year.pdf', Buffer.from(pageOf(hello).toString('latin1').replace('[0 0 595 842]', '[0 0 9e307 9e307]'), 'latin1'))
  const words = wide ? 600_000 : 60_000
  yield pdf('much-text.pdf', pageOf(stream(deflateSync(Buffer.from(`BT /F 1 Tf ${'1 0 0 1 10 10 Tm (the same words over and over again, a line of some length) Tj '.repeat(words)} ET`)), '/Filter /FlateDecode')), stopped)
}

function* bombs(wide: boolean): Generator<HostileFile> {
  const pdf = (name: string, bytes: Uint8Array): HostileFile => ({ name, contentType: 'application/pdf', bytes, ends: stopped })
  const size = (wide ? 1024 : 96) * 1024 * 1024
  const blanks = deflatedBlanks(size)
  yield pdf('bomb-in-content.pdf', pageOf(stream(blanks, '/Filter /FlateDecode')))
  yield pdf('bomb-packed-twice.pdf', pageOf(stream(deflateSync(blanks), '/Filter [/FlateDecode /FlateDecode]')))
  const attached = (data: Uint8Array): Buffer => pdfOf([
    '<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(factur-x.xml) 5 0 R] >> >> >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>', stream(data, '/Type /EmbeddedFile /Filter /FlateDecode'), '<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /EF << /F 4 0 R >> >>',
  ])
  yield pdf('bomb-attached.pdf', attached(blanks))
  yield pdf('bomb-attached-as-xml.pdf', attached(deflateSync(Buffer.concat([Buffer.from('<?xml version="1.0"?><Invoice>'), Buffer.alloc(size / 4, 0x61)]))))
  yield pdf('thousand-attachments.pdf', pdfOf([
    `<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [${Array.from({ length: 1000 }, (_, n) => `(f${n}.xml) 5 0 R`).join(' ')}] >> >> >>`, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>', stream('<?xml version="1.0"?><order/>', '/Type /EmbeddedFile'), '<< /Type /Filespec /F (f.xml) /EF << /F 4 0 R >> >>',
  ]))
}

/** A PNG of one colour; with `claim` its header says another size than its data has. */
function png(width: number, height: number, depth: 1 | 8, claim?: { readonly width: number; readonly height: number }): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length, 0)
    frame.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(claim?.width ?? width, 0)
  header.writeUInt32BE(claim?.height ?? height, 4)
  header[8] = depth
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc((Math.ceil((width * depth) / 8) + 1) * height))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function* pictures(wide: boolean): Generator<HostileFile> {
  const image = (name: string, type: string, bytes: Uint8Array, ends: readonly string[]): HostileFile => ({ name, contentType: `image/${type}`, bytes, ends })
  const refused = ['TOO_MANY_PIXELS', 'CORRUPT']
  yield image('sixty-thousand-pixels-a-side.png', 'png', wide ? png(60_000, 60_000, 1) : png(16, 16, 1, { width: 60_000, height: 60_000 }), refused)
  yield image('claims-two-billion.png', 'png', png(16, 16, 8, { width: 2 ** 31 - 1, height: 2 ** 31 - 1 }), refused)
  yield image('no-pixels.png', 'png', png(16, 16, 8, { width: 0, height: 0 }), refused)
  // SOI, then a frame header of the largest size JPEG knows.
  yield image('largest.jpg', 'jpeg', Buffer.from([0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xff, 0xd9]), refused)
  // A directory whose next one is itself.
  const tiff = Buffer.alloc(64)
  tiff.write('II*\0', 0, 'latin1')
  tiff.writeUInt32LE(8, 4)
  tiff.writeUInt16LE(2, 8)
  for (const [n, [tag, value]] of [[256, 60_000], [257, 60_000]].entries()) {
    tiff.writeUInt16LE(tag!, 10 + 12 * n)
    tiff.writeUInt16LE(4, 12 + 12 * n)
    tiff.writeUInt32LE(1, 14 + 12 * n)
    tiff.writeUInt32LE(value!, 18 + 12 * n)
  }
  tiff.writeUInt32LE(8, 34)
  yield image('directories-in-a-circle.tif', 'tiff', tiff, [...refused, 'TOO_MANY_PAGES', 'scan'])
  yield image('noise.webp', 'webp', Buffer.concat([Buffer.from('RIFF\xff\xff\xff\x7fWEBPVP8 ', 'latin1'), noise(500)]), ['CORRUPT', 'TOO_MANY_PIXELS'])
  if (wide) {
    yield image('nearly-too-large.png', 'png', png(9_900, 9_900, 8), ['read', 'scan', 'TIMEOUT', 'MEMORY'])
  }
}

function noise(length: number): Buffer {
  const random = createRandom(7)
  return Buffer.from(Array.from({ length }, () => random.integer(0, 255)))
}

function* xmlFiles(): Generator<HostileFile> {
  const xml = (name: string, content: string | Uint8Array, ends: readonly string[]): HostileFile => ({
    name, contentType: 'application/xml', bytes: typeof content === 'string' ? Buffer.from(content) : content, ends,
  })
  const laughs = Array.from({ length: 10 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('')
  yield xml('billion-laughs.xml', `<?xml version="1.0"?><!DOCTYPE Invoice [<!ENTITY l0 "ha">${laughs}]><Invoice><ID>&l10;</ID></Invoice>`, ['XML_REFUSED'])
  yield xml('quadratic.xml', `<!DOCTYPE Invoice [<!ENTITY a "${'a'.repeat(50_000)}">]><Invoice>${'&a;'.repeat(50_000)}</Invoice>`, ['XML_REFUSED'])
  yield xml('reads-a-file.xml', '<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]><Invoice><ID>&x;</ID></Invoice>', ['XML_REFUSED'])
  yield xml('asks-a-server.xml', '<!DOCTYPE Invoice SYSTEM "http://127.0.0.1:1/x.dtd"><Invoice/>', ['XML_REFUSED'])
  yield xml('unknown-entity.xml', '<Invoice><ID>&x;</ID></Invoice>', ['read', 'XML_REFUSED', 'CORRUPT'])
  yield xml('includes.xml', '<Invoice xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></Invoice>', ['read'])
  yield xml('runs-a-stylesheet.xml', '<?xml-stylesheet href="file:///etc/passwd"?><Invoice><ID>1</ID></Invoice>', ['read'])
  yield xml('deep.xml', `<Invoice>${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}</Invoice>`, ['XML_REFUSED'])
  yield xml('wide.xml', `<Invoice>${'<a/>'.repeat(300_000)}</Invoice>`, ['XML_REFUSED'])
  yield xml('many-attributes.xml', `<Invoice ${Array.from({ length: 100_000 }, (_, n) => `a${n}="1"`).join(' ')}/>`, ['XML_REFUSED'])
  yield xml('long-attribute.xml', `<Invoice a="${'x'.repeat(4_000_000)}"/>`, ['XML_REFUSED'])
  yield xml('too-large.xml', `<Invoice><ID>${'1'.repeat(6_000_000)}</ID></Invoice>`, ['TOO_LARGE'])
  yield xml('long-number.xml', `<Invoice><LegalMonetaryTotal><PayableAmount>${'9'.repeat(1_000_000)}</PayableAmount></LegalMonetaryTotal></Invoice>`, ['read'])
  yield xml('unclosed-comment.xml', `<Invoice><!--${' <a>'.repeat(200_000)}`, ['CORRUPT'])
  yield xml('unclosed-data.xml', `<Invoice><![CDATA[${']]'.repeat(500_000)}`, ['CORRUPT'])
  yield xml('unclosed-tags.xml', '<a '.repeat(300_000), ['CORRUPT', 'XML_REFUSED'])
  yield xml('odd-encoding.xml', '<?xml version="1.0" encoding="UTF-7"?><Invoice/>', ['XML_REFUSED'])
  yield xml('bytes-of-no-encoding.xml', Buffer.concat([Buffer.from('<Invoice><ID>'), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('</ID></Invoice>')]), ['XML_REFUSED'])
  yield xml('names-of-prototypes.xml', '<Invoice><__proto__><polluted>1</polluted></__proto__><constructor><prototype>1</prototype></constructor><ID>1</ID></Invoice>', ['read', 'CORRUPT'])
  yield xml('no-invoice.xml', '<note><body>hello</body></note>', ['TYPE_UNSUPPORTED'])
}

/** The EICAR test string, in pieces, so that a scanner leaves this file alone. */
const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join('')

function* mislabelled(plain: Buffer): Generator<HostileFile> {
  yield { name: 'eicar.txt', contentType: 'text/plain', bytes: Buffer.from(eicar), ends: ['MALWARE'] }
  yield { name: 'eicar.pdf', contentType: 'application/pdf', bytes: Buffer.concat([plain, Buffer.from(eicar)]), ends: ['MALWARE'] }
  yield { name: 'a-picture.pdf', contentType: 'application/pdf', bytes: png(16, 16, 8), ends: ['TYPE_MISMATCH'] }
  yield { name: 'a-document.png', contentType: 'image/png', bytes: plain, ends: ['TYPE_MISMATCH'] }
  yield { name: 'a-program.pdf', contentType: 'application/pdf', bytes: Buffer.concat([Buffer.from('\x7fELF'), noise(2000)]), ends: ['TYPE_UNSUPPORTED', 'TYPE_MISMATCH'] }
  yield { name: 'a-letter.pdf', contentType: 'application/pdf', bytes: Buffer.from('Dear Sirs'), ends: ['TYPE_MISMATCH'] }
  yield { name: 'an-archive.docx', contentType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', bytes: hello, ends: ['TYPE_MISMATCH'] }
  yield { name: 'a-page.xml', contentType: 'application/xml', bytes: Buffer.from('<html><body>hello'), ends: ['TYPE_MISMATCH'] }
  yield { name: 'old.doc', contentType: 'application/msword', bytes: Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(2000)]), ends: ['FORMAT_OUTDATED'] }
  yield { name: 'noise.pdf', contentType: 'application/octet-stream', bytes: noise(5000), ends: ['TYPE_UNSUPPORTED', 'CORRUPT'] }
}

/** Some bytes flipped, some pieces cut out, doubled or exchanged: the structure mostly stays. */
function fuzz(random: Random, original: Buffer): Buffer {
  let bytes = Buffer.from(original)
  for (let change = random.integer(1, 12); change > 0; change -= 1) {
    const at = random.integer(0, bytes.length - 1)
    const length = random.integer(1, 64)
    switch (random.integer(0, 4)) {
      case 0:
        bytes[at] = random.integer(0, 255)
        break
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
        break
      case 3:
        bytes.fill(random.integer(0, 255), at, Math.min(at + length, bytes.length))
        break
      default: {
        // A number made larger: lengths, counts and offsets are where parsers trust most.
        const digits = /\d{1,6}/.exec(bytes.toString('latin1', at, at + 200))
        if (digits !== null) {
          bytes.fill(0x39, at + digits.index, Math.min(bytes.length, at + digits.index + digits[0].length))
        }
      }
    }
  }
  return bytes
}

import { createHash } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { createDocumentParsers, createReceiver } from '../../../processors/index.ts'
import type { ReceiveResult } from '../../../processors/index.ts'
import { generateSamples } from '../../../samples/index.ts'
import { docxOf, paragraph } from '../fixtures/office.ts'
import { zipOf } from '../../../samples/zip.ts'

const parsers = createDocumentParsers({ limits: { maxBytes: 2_000_000 } })
t.teardown(() => parsers.close())
const receive = (bytes: Uint8Array, more: { contentType?: string; size?: number; sha256?: string } = {}): Promise<ReceiveResult> => parsers.receiver.receive({ bytes, ...more })
const pdf = '%PDF-1.7\n'

t.test('cheap refusals name code, field and limit', async (t) => {
  t.match(await receive(new Uint8Array()), { outcome: 'rejected', code: 'EMPTY', field: 'content' })
  t.match(await receive(Buffer.alloc(2_000_001)), { outcome: 'rejected', code: 'TOO_LARGE', field: 'content', limit: 2_000_000 })
  t.match(await receive(Buffer.from([1, 2, 3, 4])), { outcome: 'rejected', code: 'TYPE_UNSUPPORTED' })
  t.match(await receive(Buffer.from('GIF89a')), { outcome: 'rejected', code: 'TYPE_UNSUPPORTED' })
  t.match(await receive(Buffer.from('d0cf11e0a1b11ae1', 'hex')), { outcome: 'rejected', code: 'FORMAT_OUTDATED' })
  t.match(await receive(Buffer.from(pdf), { contentType: 'image/png' }), { outcome: 'rejected', code: 'TYPE_MISMATCH', field: 'contentType' })
  t.match(await receive(Buffer.from(pdf), { size: 3 }), { outcome: 'rejected', code: 'SIZE_MISMATCH', field: 'size' })
  t.match(await receive(Buffer.from(pdf), { sha256: 'f'.repeat(64) }), { outcome: 'rejected', code: 'SHA256_MISMATCH', field: 'sha256' })
  const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join('')
  t.match(await receive(Buffer.from(eicar)), { outcome: 'rejected', code: 'MALWARE' })
  t.match(await receive(Buffer.from(`${pdf}${eicar}`)), { outcome: 'rejected', code: 'MALWARE' })
})

t.test('a tenant may have a tighter limit, not a looser one', async (t) => {
  const bytes = Buffer.from(pdf)
  t.match(await parsers.receiver.receive({ bytes }, { limits: { maxBytes: 5 } }), { code: 'TOO_LARGE', limit: 5 })
  t.match(await parsers.receiver.receive({ bytes: Buffer.alloc(2_000_001) }, { limits: { maxBytes: 9_000_000 } }), { code: 'TOO_LARGE', limit: 2_000_000 })
})

t.test('samples are accepted or refused as they are', async (t) => {
  const samples = await generateSamples({ seed: 4, count: 16 })
  for (const { kind, bytes, contentType } of samples) {
    const result = await receive(bytes, { contentType })
    t.equal(result.sha256, createHash('sha256').update(bytes).digest('hex'))
    if (kind === 'corrupt-pdf' || kind === 'password-pdf') {
      t.match(result, { outcome: 'rejected', code: kind === 'corrupt-pdf' ? 'CORRUPT' : 'ENCRYPTED' }, kind)
    } else {
      t.match(result, { outcome: 'accepted', contentType, pages: contentType === 'application/xml' ? 0 : 1 }, kind)
    }
  }
})

t.test('declared types have synonyms, and may claim nothing', async (t) => {
  const jpeg = await sharp({ create: { width: 20, height: 20, channels: 3, background: '#fff' } }).jpeg().toBuffer()
  for (const contentType of ['image/jpeg', 'image/jpg', 'IMAGE/JPEG; charset=x', 'application/octet-stream', '']) {
    t.match(await receive(jpeg, { contentType }), { outcome: 'accepted', contentType: 'image/jpeg' }, contentType)
  }
})

t.test('text, mail and archives are accepted as what they are; what they declare may say less', async (t) => {
  const mail = Buffer.from('MIME-Version: 1.0\nFrom: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf\n\n%PDF-1.7\n--b--\n')
  const archive = zipOf([{ name: 'a.pdf', data: Buffer.from(pdf) }, { name: 'b.pdf', data: Buffer.from(pdf) }])
  for (const [bytes, declared, found] of [
    [Buffer.from('hello there'), 'text/csv; charset=utf-8', { contentType: 'text/plain', pages: 1, parts: 0 }],
    [Buffer.from('<!doctype html><p>hello'), 'text/plain', { contentType: 'text/html', pages: 1, parts: 0 }],
    [mail, 'message/rfc822', { contentType: 'message/rfc822', pages: 1, parts: 1 }],
    [archive, 'application/x-zip-compressed', { contentType: 'application/zip', pages: 0, parts: 2 }],
    [docxOf(paragraph('hello')), 'application/zip', { contentType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', pages: 1, parts: 0 }],
  ] as const) {
    t.match(await receive(bytes, { contentType: declared }), { outcome: 'accepted', ...found }, declared)
  }
  t.match(await receive(archive, { contentType: 'message/rfc822' }), { outcome: 'rejected', code: 'TYPE_MISMATCH' })
  t.match(await receive(archive.subarray(0, 40)), { outcome: 'rejected', code: 'CORRUPT' })
  t.match(await parsers.receiver.receive({ bytes: archive }, { depth: 3 }), { outcome: 'rejected', code: 'NESTED_TOO_DEEP', limit: 3 })
  t.match(await parsers.receiver.receive({ bytes: archive }, { bounds: { maxParts: 1 } }), { outcome: 'rejected', code: 'TOO_MANY_PARTS', limit: 1 })
})

t.test('a picture that claims a billion pixels is refused before it is decoded', async (t) => {
  const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#fff' } }).png().toBuffer()
  // Width and height stand in the header chunk, which has a checksum; decoders read the size first.
  const bomb = Buffer.from(png)
  bomb.writeUInt32BE(40_000, 16)
  bomb.writeUInt32BE(40_000, 20)
  bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29)
  t.match(await receive(bomb), { outcome: 'rejected', code: 'TOO_MANY_PIXELS', limit: 100_000_000 })
})

t.test('broken pictures, broken and foreign XML', async (t) => {
  t.match(await receive(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3])), { outcome: 'rejected', code: 'CORRUPT' })
  t.match(await receive(Buffer.from('<note><body>hello</body></note>')), { outcome: 'rejected', code: 'TYPE_UNSUPPORTED' })
  t.match(await receive(Buffer.from('<?xml version="1.0"?><Invoice><ID>1</Invoice>')), { outcome: 'rejected', code: 'CORRUPT' })
  t.match(await receive(Buffer.from('<!DOCTYPE Invoice [<!ENTITY a "b">]><Invoice>&a;</Invoice>')), { outcome: 'rejected', code: 'XML_REFUSED' })
})

t.test('a parser that hangs is an outcome', async (t) => {
  const receiver = createReceiver({ inspect: async () => ({ ok: false, failure: { code: 'TIMEOUT', field: 'content', reason: 'its parser was stopped' } }) })
  t.match(await receiver.receive({ bytes: Buffer.from(pdf) }), { outcome: 'rejected', code: 'TIMEOUT' })
})

t.test('noise behind any magic number is refused, not thrown', async (t) => {
  for (const magic of [pdf, '\xff\xd8\xff', '\x89PNG\r\n\x1a\n', 'II*\0', 'RIFF\0\0\0\0WEBP', '<a', '\xfe\xff\0<\0a']) {
    for (let n = 0; n < 6; n += 1) {
      const noise = createHash('sha512').update(`${magic}${n}`).digest()
      const result = await receive(Buffer.concat([Buffer.from(magic, 'latin1'), noise, noise, noise]))
      t.equal(result.outcome, 'rejected', JSON.stringify(magic))
    }
  }
})

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    }
  }
  return (crc ^ 0xffffffff) >>> 0
}

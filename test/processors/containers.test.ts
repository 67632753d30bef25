/** Mail and ZIP taken apart: the parts, their names, and everything that is refused before it is unfolded. */
import t from 'tap'
import { allowanceOf, countParts, defaultContainerBounds, looksLikeMail, readMail, readZipDirectory, shares, unfold, unzipEntry } from '../../processors/containers/index.ts'
import { zipOf } from '../../samples/zip.ts'

const bounds = defaultContainerBounds
const lines = (...all: readonly string[]): Buffer => Buffer.from(all.join('\r\n'), 'latin1')

function partsOf(kind: 'mail' | 'zip', bytes: Uint8Array): { section: string; path: string; fileName: string; type: string | undefined; text: string }[] {
  const unfolded = unfold(kind, bytes, 0, bounds)
  if (!unfolded.ok) {
    throw new Error(unfolded.failure.code)
  }
  return unfolded.value.parts.map(({ section, path, fileName, contentType, bytes: content }) => ({ section, path, fileName, type: contentType, text: Buffer.from(content).toString('latin1') }))
}

t.test('a mail: bodies by their rank, attachments with names in every spelling', async (t) => {
  const mail = lines(
    'Received: from a by b', 'From: =?utf-8?q?M=C3=BCller?= <a@b.example>', 'Subject: =?utf-8?b?UmVjaG51bmcgZsO8?= =?utf-8?b?ciBTaWU=?=', 'Date: Sat, 21 Nov 2026 10:00:00 +0100',
    'MIME-Version: 1.0', 'Content-Type: multipart/mixed;', '\tboundary="=_b 1"', '', 'for programs without MIME',
    '--=_b 1', 'Content-Type: multipart/alternative; boundary=b2', '', '--b2', 'Content-Type: text/plain; charset=utf-8', '', 'plain', '--b2',
    'Content-Type: text/html; charset=iso-8859-1', 'Content-Transfer-Encoding: quoted-printable', '', '<p>Gr=FC=', '=DFe=20</p>', '--b2--', '',
    '--=_b 1', 'Content-Type: application/pdf; name="=?utf-8?b?w6QucGRm?="', 'Content-Transfer-Encoding: base64', 'Content-Disposition: attachment', '', Buffer.from('one').toString('base64'),
    '--=_b 1', 'Content-Type: application/pdf', "Content-Disposition: attachment; filename*0*=utf-8''Rechnung%20; filename*1=\"2026\"; filename*2*=%E2%82%AC.pdf", '', 'two',
    '--=_b 1', 'Content-Type: message/rfc822', '', 'From: c@d.example', 'Message-ID: <1@d>', '', 'forwarded',
    '--=_b 1', 'Content-Type: image/png; name="..\\..\\windows\\x.png"', '', 'three', '--=_b 1--', 'epilogue',
  )
  t.equal(looksLikeMail(mail), true)
  const read = readMail(mail, bounds)
  t.match(read, { ok: true, value: { from: 'Müller <a@b.example>', subject: 'Rechnung für Sie', bodies: [{ type: 'html', charset: 'iso-8859-1' }] } })
  t.equal(read.ok && Buffer.from(read.value.bodies[0]!.bytes).toString('latin1'), '<p>Grüße </p>')
  t.same(partsOf('mail', mail), [
    { section: '2', path: 'ä.pdf', fileName: 'ä.pdf', type: 'application/pdf', text: 'one' },
    { section: '3', path: 'Rechnung 2026€.pdf', fileName: 'Rechnung 2026€.pdf', type: 'application/pdf', text: 'two' },
    { section: '4', path: 'mail-4.eml', fileName: 'mail-4.eml', type: 'message/rfc822', text: 'From: c@d.example\r\nMessage-ID: <1@d>\r\n\r\nforwarded' },
    { section: '5', path: 'windows/x.png', fileName: 'x.png', type: 'image/png', text: 'three' },
  ])
})

t.test('pictures that the text shows and seals are no documents; an empty attachment is one', async (t) => {
  const mail = lines(
    'MIME-Version: 1.0', 'From: a@b', 'Content-Type: multipart/signed; boundary=s', '', '--s', 'Content-Type: multipart/related; boundary=r', '', '--r', 'Content-Type: text/html', '', '<img src="cid:logo">',
    '--r', 'Content-Type: image/png', 'Content-ID: <logo>', 'Content-Disposition: inline; filename=logo.png', '', 'png', '--r', 'Content-Type: application/pdf; name=a.pdf', '', '', '--r--', '--s',
    'Content-Type: application/pkcs7-signature; name=smime.p7s', '', 'seal', '--s--',
  )
  t.same(partsOf('mail', mail).map(({ section, fileName, text }) => [section, fileName, text]), [['1.3', 'a.pdf', '']])
})

t.test('what only looks like a mail, and mails that are odd', async (t) => {
  t.equal(looksLikeMail(lines('Date: 1.1.2026', 'To: You', '', 'Invoice')), false, 'a letter')
  t.equal(looksLikeMail(lines('Invoice', 'MIME-Version: 1.0', 'From: x', '')), false)
  t.equal(looksLikeMail(lines('From a@b Sat Nov 21', 'Return-Path: <a@b>', 'From: a@b', '', 'x')), true, 'out of a mailbox')
  t.match(readMail(lines('From: a@b', 'MIME-Version: 1.0', 'Content-Type: application/pkcs7-mime', '', 'x'), bounds), { ok: false, failure: { code: 'ENCRYPTED' } })
  const cut = lines('MIME-Version: 1.0', 'From: a', 'Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: application/pdf', 'Content-Transfer-Encoding: base64', '', 'b25lIGFuZCB0')
  t.equal(partsOf('mail', cut)[0]?.text, 'one and t', 'cut off')
  t.match(readMail(lines('From: a', 'Content-Type: multipart/mixed', '', 'no boundary'), bounds), { ok: true, value: { parts: [{ section: '1' }] } })
})

t.test('a mail of too many parts, or of parts in parts without end, is refused while it is read', async (t) => {
  const many = Buffer.from(`MIME-Version: 1.0\nFrom: a\nContent-Type: multipart/mixed; boundary=b\n\n${'--b\nContent-Type: image/png\n\nx\n'.repeat(10_000)}--b--`)
  t.match(countParts('mail', many, bounds), { ok: false, failure: { code: 'TOO_MANY_PARTS', limit: 1000 } })
  const deep = Buffer.from(Array.from({ length: 40 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}x\n\n--b${n}x\n`).join(''))
  t.match(countParts('mail', deep, bounds), { ok: false, failure: { code: 'NESTED_TOO_DEEP', limit: 16 } })
})

t.test('a ZIP: names are data, folders and what systems add are none; large numbers of zip64', async (t) => {
  const members = [
    { name: '2026/', data: new Uint8Array(), stored: true }, { name: '2026/../../etc/a.pdf', data: Buffer.from('one') }, { name: 'b\u202efdp.exe', data: Buffer.from('two'), stored: true },
    { name: '__MACOSX/._a.pdf', data: Buffer.from('x') }, { name: 'C:\\x\\c.pdf', data: Buffer.from('three') }, { name: 'C:\\x\\c.pdf', data: Buffer.from('again') },
  ]
  for (const zip64 of [false, true]) {
    t.same(partsOf('zip', zipOf(members, { zip64 })).map(({ section, path, fileName, text }) => [section, path, fileName, text]), [
      ['2', '2026/etc/a.pdf', 'a.pdf', 'one'], ['3', 'bfdp.exe', 'bfdp.exe', 'two'], ['5', 'C:/x/c.pdf', 'c.pdf', 'three'], ['6', 'C:/x/c.pdf', 'c.pdf', 'again'],
    ])
  }
})

t.test('a ZIP is refused before it is unfolded', async (t) => {
  const small = Buffer.from('hello')
  const refused = (zip: Buffer, code: string): void => { t.match(countParts('zip', zip, bounds), { ok: false, failure: { code } }, code) }
  refused(zipOf([{ name: 'a', data: small, claims: { encrypted: true } }]), 'ENCRYPTED')
  refused(zipOf(Array.from({ length: 1001 }, (_, n) => ({ name: `${n}`, data: small, stored: true }))), 'TOO_MANY_PARTS')
  refused(zipOf([{ name: 'a', data: small, claims: { size: 600 * 1024 * 1024 } }]), 'EXPANDS_TOO_MUCH')
  refused(zipOf([{ name: 'a', data: Buffer.alloc(20 * 1024 * 1024) }]), 'EXPANDS_TOO_MUCH')
  refused(zipOf([{ name: 'a', data: small }, { name: 'b', data: small }], { overlapping: true }), 'CORRUPT')
  refused(zipOf([{ name: 'a', data: small }]).subarray(0, 60), 'CORRUPT')
  refused(Buffer.concat([Buffer.from('MZ'), zipOf([{ name: 'a', data: small }])]), 'CORRUPT')
  const led = zipOf([{ name: 'a', data: small }])
  led.writeUInt32LE(0xfffffff0, led.length - 22 - 47 + 42)
  refused(led, 'CORRUPT')
})

t.test('an entry never unfolds to more than it said; the others are taken', async (t) => {
  const zip = zipOf([
    { name: 'liar', data: Buffer.alloc(1_000_000), claims: { size: 10 } }, { name: 'sum', data: Buffer.from('x'), claims: { crc: 1 } }, { name: 'odd', data: Buffer.from('x'), claims: { method: 14 } },
    { name: 'good', data: Buffer.from('fine') },
  ])
  const unfolded = unfold('zip', zip, 0, bounds)
  t.match(unfolded, { ok: true, value: { parts: [{ section: '4' }], lost: [{ section: '1', failure: { code: 'CORRUPT' } }, { section: '2', failure: { code: 'CORRUPT' } }, { section: '3', failure: { code: 'TYPE_UNSUPPORTED' } }] } })
  t.match(unfold('zip', zip, 0, { ...bounds, maxPartBytes: 3 }), { ok: true, value: { parts: [], lost: [{}, {}, {}, { failure: { code: 'TOO_LARGE', limit: 3 } }] } })
  const directory = readZipDirectory(zip, bounds)
  t.match(directory.ok ? unzipEntry(zip, directory.value[3]!) : directory, { ok: true, value: Buffer.from('fine') })
})

t.test('large containers come in pieces, each part once', async (t) => {
  const zip = zipOf(Array.from({ length: 5 }, (_, n) => ({ name: `${n}`, data: Buffer.alloc(7 * 1024 * 1024, n), stored: true })))
  const seen: string[] = []
  let answers = 0
  for (let from: number | undefined = 0; from !== undefined; answers += 1) {
    const unfolded = unfold('zip', zip, from, bounds)
    if (!unfolded.ok) {
      throw new Error(unfolded.failure.code)
    }
    seen.push(...unfolded.value.parts.map(({ section }) => section))
    from = unfolded.value.next
  }
  t.same([answers, seen], [2, ['1', '2', '3', '4', '5']])
})

t.test('a tree of containers never holds more than its root may', async (t) => {
  const root = allowanceOf({}, 1000)
  t.same(root, { depth: 0, parts: 10_000, bytes: 1000 })
  t.same(allowanceOf({ depth: -3, parts: 1e9, bytes: -1 }, 1000), { depth: 0, parts: 10_000, bytes: 0 }, 'nobody may claim more')
  const given = shares(root, [{ size: 100, container: true }, { size: 300, container: true }, { size: 200, container: false }])
  t.same(given, [{ depth: 1, parts: 4998, bytes: 100 }, { depth: 1, parts: 4998, bytes: 300 }, { depth: 1, parts: 0, bytes: 0 }])
  t.ok(given.reduce((sum, { parts }) => sum + parts, 3) <= root.parts && given.reduce((sum, { bytes }) => sum + bytes, 600) <= root.bytes)
})

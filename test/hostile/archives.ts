/** Archives made to unfold for ever, to write where they must not, or to say one thing to one reader and another to the next. */
import { zipOf } from '../../samples/zip.ts'
import type { HostileFile } from './corpus.ts'
import { rawBlanks } from './pdf.ts'

const file = (name: string, bytes: Uint8Array, ends: readonly string[]): HostileFile => ({ name, contentType: 'application/octet-stream', bytes, ends })
const text = Buffer.from('Invoice 4711 of 2026-10-02')

export function* archives(wide: boolean): Generator<HostileFile> {
  yield* bombs(wide)
  yield* liars()
  yield file('names.zip', zipOf([
    '../../../../tmp/x', '/etc/passwd', 'C:\\windows\\x', '\\\\server\\share\\x', 'a\0b.pdf', 'CON', '.', '..', '', ' ', 'x'.repeat(60_000), 'invoice\u202efdp.exe', '__proto__', 'constructor', 'a/../../b', 'a//b',
  ].map((name) => ({ name, data: text }))), ['unfolded'])
  yield file('same-name-many-times.zip', zipOf(Array.from({ length: 60 }, () => ({ name: 'a.txt', data: text }))), ['unfolded'])
  yield file('many.zip', zipOf(Array.from({ length: 5000 }, (_, n) => ({ name: `../../f${n}`, data: text, stored: true }))), ['TOO_MANY_PARTS'])
  yield file('encrypted.zip', zipOf([{ name: 'a.txt', data: text, claims: { encrypted: true } }]), ['ENCRYPTED'])
  yield file('only-folders.zip', zipOf([{ name: 'a/', data: new Uint8Array(), stored: true }]), ['EMPTY'])
}

function* bombs(wide: boolean): Generator<HostileFile> {
  const size = (wide ? 1024 : 64) * 1024 * 1024
  const blanks = rawBlanks(size)
  const bomb = zipOf([{ name: 'bomb.txt', data: new Uint8Array(), packed: blanks, claims: { size } }])
  yield file('bomb.zip', bomb, ['EXPANDS_TOO_MUCH'])
  yield file('bomb-that-claims-little.zip', zipOf([{ name: 'bomb.txt', data: text, packed: blanks }]), ['unfolded'])
  yield file('bombs-in-an-archive.zip', zipOf(Array.from({ length: 50 }, (_, n) => ({ name: `${n}.zip`, data: bomb, stored: true }))), ['unfolded'])
  // the shape of 42.zip: sixteen archives of sixteen archives of …
  let level: Buffer = zipOf(Array.from({ length: 16 }, (_, n) => ({ name: `${n}.txt`, data: text })))
  for (let depth = 0; depth < 4; depth += 1) {
    const inner = level
    level = zipOf(Array.from({ length: 8 }, (_, n) => ({ name: `${n}.zip`, data: inner })))
  }
  yield file('sixteen-by-sixteen.zip', level, ['unfolded'])
  let nested: Buffer = zipOf([{ name: 'a.txt', data: text }])
  for (let depth = 0; depth < 40; depth += 1) {
    nested = zipOf([{ name: `level-${depth}.zip`, data: nested }])
  }
  yield file('deep.zip', nested, ['unfolded'])
}

/** Directories that do not say what is there. */
function* liars(): Generator<HostileFile> {
  const honest = zipOf([{ name: 'a.txt', data: text, stored: true }, { name: 'b.txt', data: text, stored: true }])
  const entry = honest.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
  const end = honest.length - 22
  const changed = (name: string, change: (zip: Buffer) => void, ends: readonly string[] = ['CORRUPT']): HostileFile => {
    const zip = Buffer.from(honest)
    change(zip)
    return file(name, zip, ends)
  }
  yield changed('entry-outside.zip', (zip) => { zip.writeUInt32LE(0xfffffff0, entry + 42) })
  yield changed('entry-in-the-directory.zip', (zip) => { zip.writeUInt32LE(entry, entry + 42) })
  // a quine's trick: its content is the archive itself, directory and all
  yield changed('holds-itself.zip', (zip) => { zip.writeUInt32LE(zip.length, entry + 20); zip.writeUInt32LE(zip.length, entry + 24) })
  yield changed('name-longer-than-the-file.zip', (zip) => { zip.writeUInt16LE(0xffff, entry + 28) })
  yield changed('more-entries-than-it-has.zip', (zip) => { zip.writeUInt16LE(900, end + 8); zip.writeUInt16LE(900, end + 10) })
  yield changed('on-another-disk.zip', (zip) => { zip.writeUInt16LE(1, end + 4) })
  yield changed('directory-of-itself.zip', (zip) => { zip.writeUInt32LE(end, end + 16) })
  yield file('same-bytes-for-all.zip', zipOf(Array.from({ length: 500 }, (_, n) => ({ name: `${n}`, data: text })), { overlapping: true }), ['CORRUPT'])
  yield file('behind-a-program.zip', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(500), honest]), ['CORRUPT'])
  yield file('two-directories.zip', Buffer.concat([honest.subarray(0, end), Buffer.from([0x50, 0x4b, 5, 6]), Buffer.alloc(18), honest.subarray(end)]), ['CORRUPT'])
  yield file('cut-off.zip', honest.subarray(0, -30), ['CORRUPT'])
  const large = zipOf([{ name: 'a.txt', data: text }], { zip64: true })
  const record = large.indexOf(Buffer.from([0x50, 0x4b, 6, 6]))
  for (const [name, offset, value] of [['count', 32, 2n ** 64n - 1n], ['size', 40, 2n ** 63n], ['offset', 48, 2n ** 62n], ['many', 32, 10_000_000n]] as const) {
    const zip = Buffer.from(large)
    zip.writeBigUInt64LE(value, record + offset)
    yield file(`zip64-${name}.zip`, zip, ['CORRUPT', 'TOO_MANY_PARTS'])
  }
}

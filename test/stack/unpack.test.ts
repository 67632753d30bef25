import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { StackError } from '../../stack/errors.ts'
import { untar, unzip, writeJar } from '../../stack/unpack.ts'

interface Member {
  readonly name: string
  readonly content?: string
  readonly type?: string
  readonly mode?: number
}

/** A tar as other programs write them, made by hand so that it can also be wrong. */
function tar(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, content = '', type = '0', mode = 0o644 }) => {
    const header = Buffer.alloc(512)
    header.write(name, 0, 100)
    header.write(mode.toString(8).padStart(7, '0'), 100)
    header.write(Buffer.byteLength(content).toString(8).padStart(11, '0'), 124)
    header.write(type, 156)
    header.write('ustar\x0000', 257, 'latin1')
    header.fill(0x20, 148, 156)
    header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0`, 148)
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
    body.write(content)
    return [header, body]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

function place(folder: string, bytes: Buffer): string {
  const path = join(folder, 'archive')
  writeFileSync(path, bytes)
  return path
}

t.test('a tar is unpacked with long names, modes and folders', async (t) => {
  const folder = t.testdir()
  const long = `${'deep/'.repeat(40)}file.txt`
  const record = `path=${long}\n`
  const length = record.length + 4
  const archive = place(folder, tar([
    { name: 'app/', type: '5' },
    { name: 'app/run.sh', content: 'go', mode: 0o755 },
    { name: 'pax', type: 'x', content: `${length} ${record}` },
    { name: 'short', content: 'long name' },
    { name: 'app/skipped.txt', content: 'no' }
  ]))
  await untar(archive, join(folder, 'out'), { wanted: (name) => !name.includes('skipped') })
  t.equal(readFileSync(join(folder, 'out', 'app', 'run.sh'), 'utf8'), 'go')
  t.equal(statSync(join(folder, 'out', 'app', 'run.sh')).mode & 0o777, 0o755)
  t.equal(readFileSync(join(folder, 'out', long), 'utf8'), 'long name')
  t.notOk(existsSync(join(folder, 'out', 'app', 'skipped.txt')))
})

t.test('only the wanted folder of an archive is unpacked', async (t) => {
  const folder = t.testdir()
  const archive = place(folder, tar([{ name: 'a/b/c', content: '1' }, { name: 'a/b2/c', content: '2' }]))
  await untar(archive, join(folder, 'out'), { from: 'a/b/' })
  t.same(readdirSync(join(folder, 'out')), ['c'])
})

for (const [what, members] of Object.entries<Member[]>({
  'a name that climbs out': [{ name: '../evil', content: 'x' }],
  'a name that climbs out later': [{ name: 'a/../../evil', content: 'x' }],
  'an absolute name': [{ name: '/tmp/evil', content: 'x' }],
  'a name with backslashes': [{ name: '..\\evil', content: 'x' }],
  'a symbolic link': [{ name: 'link', type: '2' }],
  'a hard link': [{ name: 'link', type: '1' }],
  'a device': [{ name: 'device', type: '3' }],
  'a name that comes twice': [{ name: 'a', content: 'x' }, { name: 'a', content: 'y' }]
})) {
  t.test(`a tar with ${what} is refused`, async (t) => {
    const folder = t.testdir()
    await t.rejects(untar(place(folder, tar(members)), join(folder, 'out')), { code: 'ARCHIVE_REFUSED' })
    t.notOk(existsSync(join(folder, 'evil')))
  })
}

t.test('a jar that we write can be unpacked again, whatever is in it', async (t) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}\.class$/), { minLength: 1, maxLength: 5 })
  await fc.assert(fc.asyncProperty(names, fc.uint8Array({ maxLength: 2000 }), async (files, bytes) => {
    const folder = t.testdir({})
    const jar = join(folder, 'x.jar')
    await writeJar(jar, files.map((name) => ({ name, content: Buffer.from(bytes) })))
    await unzip(jar, join(folder, 'out'))
    return files.every((name) => readFileSync(join(folder, 'out', name)).equals(Buffer.from(bytes)))
  }), { numRuns: 30 })
})

/** A zip of one deflated entry. */
async function zip(folder: string, name: string, mode: number, content = 'content'): Promise<Buffer> {
  const path = join(folder, 'made.zip')
  const packed = deflateRawSync(content)
  await writeJar(path, [{ name, content: Buffer.from(content) }])
  const bytes = readFileSync(path)
  const head = 30 + Buffer.byteLength(name)
  const directory = bytes.subarray(head + content.length)
  const local = Buffer.from(bytes.subarray(0, head))
  for (const [part, method, size] of [[local, 8, 18], [directory, 10, 20]] as const) {
    part.writeUInt16LE(8, method)
    part.writeUInt32LE(packed.length, size)
  }
  directory.writeUInt32LE((mode << 16) >>> 0, 38)
  directory.writeUInt32LE(head + packed.length, directory.length - 6)
  return Buffer.concat([local, packed, directory])
}

t.test('a zip is unpacked, and refused if it holds links, climbs out or is damaged', async (t) => {
  const folder = t.testdir()
  await unzip(place(folder, await zip(folder, 'bin/tool', 0o100755)), join(folder, 'good'))
  t.equal(readFileSync(join(folder, 'good', 'bin', 'tool'), 'utf8'), 'content')
  t.equal(statSync(join(folder, 'good', 'bin', 'tool')).mode & 0o777, 0o755)
  const refused = { code: 'ARCHIVE_REFUSED' }
  await t.rejects(unzip(place(folder, await zip(folder, 'link', 0o120777)), join(folder, 'a')), refused)
  await t.rejects(unzip(place(folder, await zip(folder, '../evil', 0o100644)), join(folder, 'b')), refused)
  await t.rejects(unzip(place(folder, await zip(folder, '/evil', 0o100644)), join(folder, 'c')), refused)
  const damaged = await zip(folder, 'x', 0o100644)
  damaged[33] = (damaged[33] ?? 0) ^ 0x55
  await t.rejects(unzip(place(folder, damaged), join(folder, 'd')), refused)
  t.notOk(existsSync(join(folder, 'evil')))
})

t.test('any bytes at all are refused with a reason or unpacked inside the folder', async (t) => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.boolean(), async (bytes, asTar) => {
    const folder = t.testdir({})
    try {
      await (asTar ? untar(place(folder, gzipSync(bytes)), join(folder, 'out')) : unzip(place(folder, Buffer.from(bytes)), join(folder, 'out')))
    } catch (error) {
      return error instanceof StackError
    }
    return readdirSync(folder).every((name) => name === 'archive' || name === 'out')
  }), { numRuns: 100 })
})

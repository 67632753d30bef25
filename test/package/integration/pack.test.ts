/** `npm pack` → an empty project → ES module, CommonJS and TypeScript consumers, on the oldest and the newest Node.js. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { long, TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { checkout, installedNames, installedProject, run, runOnNode22, startOnNode22 } from '../installed.ts'
import { writeSnippets } from '../snippets.ts'

// npm may have to ask the registry once; a machine that is busy must not fail this.
t.setTimeout(240_000)

const project = await installedProject(t.testdir())

t.test('the tarballs hold what was built, the licence and the texts, nothing else', async (t) => {
  t.same(project.packed.map(({ name }) => name), ['millrace-state-stores', 'millrace'])
  for (const { name, files, bytes } of project.packed) {
    for (const wanted of ['LICENSE', 'NOTICE', 'README.md', 'package.json', 'lib/index.js', 'lib/index.d.ts']) {
      t.ok(files.includes(wanted), `${name} has ${wanted}`)
    }
    t.same(files.filter((file) => !/^(lib|docs)\/|^(LICENSE|NOTICE|README\.md|package\.json)$/.test(file)), [])
    t.ok(bytes < 1024 * 1024, `${name}: ${bytes} bytes`)
  }
})

t.test('no word about documents, none of the dependencies of the application', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  const client = JSON.parse(readFileSync(join(project.folder, 'node_modules', '@platformatic', 'kafka', 'package.json'), 'utf8')) as { dependencies: object }
  const brought = new Set(['millrace', 'prom-client', ...Object.keys(client.dependencies)])
  const names = installedNames(project)
  t.ok(names.includes('millrace') && names.includes('@platformatic/kafka'))
  t.same(Object.keys(dependencies).filter((name) => !brought.has(name) && names.includes(name)), [])
  for (const { name, files } of project.packed) {
    for (const file of files.filter((path) => path.endsWith('.js'))) {
      const code = readFileSync(join(project.folder, 'node_modules', name, file), 'utf8')
      t.notMatch(code, /invoice|tenantId|documents\.(raw|processed)/i, `${name}/${file}`)
      t.notMatch(code, /from '[./][^']*\.ts'/, `${name}/${file} imports built files`)
    }
  }
})

const expected = { result: { all: 1, streams: 2, lead: 1, to: 1, kafka: 2, hello: 1 }, refused: 'CONFIG_INVALID', functions: true, version: true }
const runners = [
  { name: 'Node.js 24', major: '24.', start: (script: string) => run(process.execPath, [script], project.folder) },
  { name: 'Node.js 22', major: '22.', start: (script: string) => runOnNode22(script, [], project) },
]
for (const { name, major, start } of runners) {
  t.test(`an ES module and CommonJS use it on ${name}`, async (t) => {
    const { node, ...module } = JSON.parse(await start('consumer.mjs')) as { node: string }
    t.ok(node.startsWith(major), node)
    t.same(module, expected)
    const common = JSON.parse(await start('consumer.cjs')) as { node: string; value: number }
    t.ok(common.node.startsWith(major), common.node)
    t.equal(common.value, 42)
  })
}

/** What the compiler says about a configuration of the project. */
function compiled(configuration: string): Promise<string> {
  const types = join(checkout, 'node_modules', '@types')
  return run(process.execPath, [join(checkout, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', configuration, '--typeRoots', types], project.folder)
}

t.test('types are right for ES module and CommonJS consumers', async (t) => {
  t.equal(await compiled('tsconfig.json'), '')
})

t.test('the programs in the documentation compile as they are shown', async (t) => {
  t.ok(writeSnippets(join(project.folder, 'snippets')) > 25)
  t.equal(await compiled('tsconfig.snippets.json'), '')
})

t.test('the command line is installed with it', async (t) => {
  t.match(await run(join(project.folder, 'node_modules', '.bin', 'millrace'), ['--help'], project.folder), /^millrace COMMAND/)
  t.match(await runOnNode22(join('node_modules', 'millrace', 'lib', 'cli', 'millrace.js'), ['describe', join(project.folder, 'topology.mjs')], project), /Sub-topology: 1/)
})

t.test('an application runs its threads in workers, on Node.js 22 against a broker', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const [lines, counts] = [await cluster.topic('lines', 2), await cluster.topic('counts', 2)]
  const applicationId = cluster.name('packed')
  const app = startOnNode22('app.mjs', [cluster.bootstrapServers, applicationId, lines, counts, cluster.folder()], project)
  t.teardown(() => app.kill('SIGKILL'))
  const exited = once(app, 'exit')
  const [said] = await once(app.stdout!, 'data')
  t.match(String(said), /^RUNNING on 22\./)
  await cluster.send(lines, [{ key: 'a', value: 'mill race mill' }, { key: 'b', value: 'race' }])
  await cluster.consumed(applicationId, lines)
  await cluster.consumed(applicationId, `${applicationId}-words-repartition`)
  const found = Object.fromEntries((await cluster.committed(counts)).map(({ key, value }) => [key!.toString(), long(value)]))
  t.same(found, { mill: 2, race: 2 })
  app.kill('SIGTERM')
  t.same(await exited, [0, null])
})

/** What a wrong command line says, and the commands that need no broker. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { printable, printRows, textTable } from '../../cli/text-table.ts'
import { makeTopology } from '../../runtime/topology-source.ts'
import { millrace } from './run.ts'

const v1 = join(import.meta.dirname, 'fixtures', 'orders-v1.ts')
const v2 = join(import.meta.dirname, 'fixtures', 'orders-v2.ts')

t.test('wrong usage: exit code 2, what is wrong, and how it is right', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /say what to do/],
    [['frobnicate'], /there is no command 'frobnicate'/],
    [['dead-letters'], /needs one of list, show, replay/],
    [['topology', 'draw'], /needs one of diff/],
    [['reset'], /reset needs APPLICATION/],
    [['reset', 'a', 'b'], /unexpected 'b'/],
    [['reset', 'a', '--sideways'], /Unknown option '--sideways'/],
    [['reset', 'a', '--to-earliest', '--to-latest'], /one of --to-earliest/],
    [['reset', 'a', '--to-offset', '-1'], /--to-offset is "-1": give a whole number of at least 0/],
    [['reset', 'a', '--shift-by', 'back'], /--shift-by is "back": give a whole number\n/],
    [['reset', 'a', '--shift-by', '-5', '--to-latest'], /one of --to-earliest/],
    [['reset', 'a', '--to-offset', 'ten'], /--to-offset is "ten": give a whole number of at least 0/],
    [['reset', 'a', '--to-datetime', 'yesterday'], /2026-01-31T12:00:00Z/],
    [['reset', 'a', '--by-duration', 'a week'], /--by-duration is "a week": give more than zero milliseconds, or a text such as/],
    [['reset', 'a', '--shift-by', '5', '--by-duration', '7d'], /one of --to-earliest/],
    [['groups', '--format', 'xml'], /give text or json/],
    [['groups', '--bootstrap-server', 'kafka'], /"kafka" is not HOST:PORT/],
    [['groups', '--command-config', '/no/such/file'], /\/no\/such\/file cannot be read \(ENOENT\)/],
    [['dead-letters', 'show', 't', '7'], /"7" is no letter: give PARTITION:OFFSET/],
    [['dead-letters', 'replay', 't'], /needs --application ID/],
    [['dead-letters', 'replay', 't', '--application', 'a', '--to', 'moon'], /give retry or source/],
    [['describe', v1, '--format', 'png'], /give text, json, mermaid/],
    [['describe', '/no/such.ts'], /\/no\/such.ts cannot be read/],
    [['topology', 'diff', v1], /needs OLD NEW/],
  ]
  for (const [words, message] of cases) {
    const { code, lines, remarks } = await millrace(...words)
    t.equal(code, 2, words.join(' '))
    t.match(remarks, message)
    t.match(remarks, /\nmillrace /, 'usage follows')
    t.equal(lines, '')
  }
})

t.test('help is asked for, and no error', async (t) => {
  for (const words of [['--help'], ['help'], ['reset', '--help'], ['dead-letters', 'replay', '-h']]) {
    const { code, lines, remarks } = await millrace(...words)
    t.equal(code, 0)
    t.match(lines, /^millrace /)
    t.equal(remarks, '')
  }
})

t.test('describe: text, JSON, Mermaid', async (t) => {
  const text = await millrace('describe', v1, '--application-id', 'shop')
  t.equal(text.code, 0)
  t.match(text.lines, /^Topologies:\n {3}Sub-topology: 0\n {4}Source: orders\/source \(topics: \[orders, shop-orders-retry\]\)/)
  const json = JSON.parse((await millrace('describe', v1, '--format', 'json', '--application-id', 'shop')).lines) as { applicationId: string; subtopologies: { name: string }[] }
  t.equal(json.applicationId, 'shop')
  t.same(json.subtopologies.map(({ name }) => name), ['orders', 'per-kind-repartition'])
  t.match((await millrace('describe', v1, '--format', 'mermaid')).lines, /^flowchart LR\n/)
})

t.test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  t.same(await millrace('--version'), { code: 0, lines: version, remarks: '' })
})

t.test('a topology that was compiled: its URL still names the source', async (t) => {
  const folder = t.testdir({ 'compiled.js': 'export default () => undefined' })
  await t.rejects(makeTopology(pathToFileURL(join(folder, 'compiled.ts')).href, 'app', undefined), { code: 'CONFIG_INVALID', message: /there is no .*compiled\.ts, but there is its \.js/ })
  await t.rejects(makeTopology(pathToFileURL(join(folder, 'other.ts')).href, 'app', undefined), { code: 'ERR_MODULE_NOT_FOUND' })
})

t.test('describe: a module that is none, or throws, is named', async (t) => {
  const folder = t.testdir({ 'none.mjs': 'export const x = 1', 'throws.mjs': 'export default (b) => { b.stream("in") }' })
  const none = await millrace('describe', join(folder, 'none.mjs'))
  t.equal(none.code, 1)
  t.match(none.remarks, /CONFIG_INVALID: topology: the module .*none.mjs has no default export/)
  t.match((await millrace('describe', join(folder, 'throws.mjs'))).remarks, /SERDE_MISSING/)
})

t.test('topology diff: what is lost decides the exit code', async (t) => {
  const folder = t.testdir()
  const before = join(folder, 'before.json')
  writeFileSync(before, (await millrace('describe', v1, '--format', 'json')).lines)
  const same = await millrace('topology', 'diff', before, v1)
  t.equal(same.code, 0)
  t.equal(same.lines, 'nothing changes that data depends on')
  const shop = join(folder, 'shop.json')
  writeFileSync(shop, (await millrace('describe', v1, '--format', 'json', '--application-id', 'shop')).lines)
  t.equal((await millrace('topology', 'diff', shop, v1)).lines, 'nothing changes that data depends on', 'the module is that application')
  t.match((await millrace('topology', 'diff', shop, v1, '--application-id', 'other')).lines, /the application id changes from 'shop' to 'other'/)
  const { code, lines } = await millrace('topology', 'diff', before, v2)
  t.equal(code, 1)
  t.match(lines, /^break +the asynchronous operator 'price' is gone/)
  t.match(lines, /rename +store 'orders-per-customer' is gone and 'count-of-orders' is new in its place/)
  t.match(lines, /orphan +store 'per-kind' is gone: its rows, in application-per-kind-changelog, stay behind/)
  t.match(lines, /orphan +the repartition topic application-per-kind-repartition is no longer read/)
  t.match(lines, /begin +the topic returns is read for the first time/)
  const changes = JSON.parse((await millrace('topology', 'diff', v1, v2, '--format', 'json')).lines) as { kind: string }[]
  t.equal(changes[0]!.kind, 'break')
  const broken = join(folder, 'broken.json')
  writeFileSync(broken, '{"applicationId":"a"}')
  t.match(await millrace('topology', 'diff', broken, v1), { code: 2, remarks: /is no description of a topology/ })
})

t.test('nothing a record or a broker says steers the terminal', async (t) => {
  t.equal(printable('a\u001b[2Jb\n\u202ec'), 'a\\u{1b}[2Jb\\u{a}\\u{202e}c')
  const lines: string[] = []
  printRows({ line: (text) => lines.push(text), remark: () => undefined }, true, ['GROUP', 'STREAM TIME'], [['a', '-'], ['b', 5]], '')
  t.same(JSON.parse(lines[0]!), [{ group: 'a', streamTime: null }, { group: 'b', streamTime: 5 }])
  t.equal(textTable(['NAME', 'N'], [['a', 5], ['bcd', 10]]), 'NAME   N\na      5\nbcd   10')
})

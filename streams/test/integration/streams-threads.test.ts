import t from 'tap'
import { join } from 'node:path'
import { KafkaStreams, type KafkaStreamsOptions } from '../../index.ts'
import { DEAD_LETTER_HEADERS } from '../../runtime/dead-letter.ts'
import type { DyingSettings } from './streams-dying-topology.ts'
import { long, TestCluster } from './streams-support.ts'

t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

async function application(name: string, how: DyingSettings['how'], uncaughtError: 'fail' | 'replace-thread', part: Partial<KafkaStreamsOptions> = {}) {
  const source = await cluster.topic(`${name}-source`, 4)
  const sink = await cluster.topic(`${name}-sink`, 4)
  const warnings: string[] = []
  const options: KafkaStreamsOptions = {
    topology: new URL('./streams-dying-topology.ts', import.meta.url),
    settings: { source, sink, memory: join(cluster.folder(), 'died'), how },
    applicationId: cluster.name(name),
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 2,
    sessionTimeoutMs: 600_000,
    replicationFactor: 1,
    uncaughtError,
    onWarning: (warning) => warnings.push(warning),
    ...part,
  }
  return { app: new KafkaStreams(options), options, source, sink, warnings }
}

function input(count: number) {
  return Array.from({ length: count }, (_, i) => ({ key: `k${i % 40}`, value: i === count / 2 ? 'die' : 'live' }))
}

/** What is wrong with the running counts: each of forty keys must go 1, 2, 3 … */
function problems(records: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[], count: number): string[] {
  const found: string[] = []
  const counts = new Map<string, number>()
  for (const { key, value } of records) {
    const name = key!.toString()
    if (long(value) !== (counts.get(name) ?? 0) + 1) {
      found.push(`${name} goes from ${counts.get(name)} to ${long(value)}`)
    }
    counts.set(name, long(value)!)
  }
  return counts.size === 40 && [...counts.values()].every((each) => each === count / 40) ? found : [...found, JSON.stringify([...counts])]
}

for (const how of ['exit', 'throw'] as const) {
  const decider = how === 'exit' ? 'the policy' : 'the callback'
  t.test(`two workers; one ends by ${how} and ${decider} has it replaced, without waiting for its session (ten minutes)`, async (t) => {
    const asked: unknown[] = []
    const callback: Partial<KafkaStreamsOptions> = {
      onUncaughtError: async (error, thread) => {
        asked.push({ error, thread, state: app.state })
        return thread === 0 || thread === 1 ? 'replace-thread' : undefined
      },
    }
    const { app, source, sink, warnings } = await application(`replace-${how}`, how, how === 'exit' ? 'replace-thread' : 'fail', how === 'exit' ? {} : callback)
    await app.start()
    // Running may be one round ahead of the even split.
    while (!(await app.metrics()).every((thread) => thread.tasks.filter((task) => task.status === 'running').length === 2)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await cluster.send(source, input(400))
    const started = performance.now()
    await cluster.consumed(app.config.applicationId, source)
    t.comment(`all consumed ${Math.round(performance.now() - started)} ms after the record that ends the thread was sent`)
    t.ok(performance.now() - started < 200_000)
    await app.close()
    t.ok(warnings.some((warning) => /is replaced/.test(warning)))
    t.match(asked, how === 'exit' ? [] : [{ error: { code: 'PROCESSING_FAILED', cause: { message: 'once' } }, state: 'REBALANCING' }])
    t.equal(asked.length, how === 'exit' ? 0 : 1)
    t.same(problems(await cluster.committed(sink), 400), [])
  })
}

t.test('by default a worker that dies stops the application, with its error; the next start goes on', async (t) => {
  const { app, options, source, sink } = await application('stop', 'exit', 'fail')
  const failed = new Promise<Error>((resolve) => app.onError(resolve))
  await app.start()
  await cluster.send(source, input(400))
  t.match(await failed, { code: 'THREAD_DIED', message: /exited with code 7/ })
  t.equal(app.state, 'ERROR')
  const again = new KafkaStreams(options)
  await again.start()
  await cluster.consumed(app.config.applicationId, source)
  await again.close()
  t.same(problems(await cluster.committed(sink), 400), [])
})

t.test('a record that ends its worker every time: after the second it goes to the error policy, unrun, and the rest goes on (C10)', async (t) => {
  const deadLetterTopic = await cluster.topic('ended', 1)
  const { app, source, sink, warnings } = await application('always', 'always', 'replace-thread', { deadLetterTopic, errors: { processing: 'dead-letter' } })
  await app.start()
  // One record of each key beside the deadly one, so that the counts are even.
  const records = input(400).map(({ key, value }, i) => ({ key: i === 200 ? 'deadly' : key, value }))
  await cluster.send(source, [...records, { key: 'k0', value: 'live' }])
  await cluster.consumed(app.config.applicationId, source)
  await app.close()
  t.equal(warnings.filter((warning) => /is replaced/.test(warning)).length, 2)
  t.match(warnings.join('\n'), /has ended threads twice there/)
  t.equal((await cluster.committed(deadLetterTopic)).length, 1)
  t.equal((await cluster.headers(deadLetterTopic)).get(DEAD_LETTER_HEADERS.code), 'RECORD_ENDED_THREAD')
  t.same(problems(await cluster.committed(sink), 400), [])
})

for (const [how, where] of [['call', 'as it begins'], ['awaited', 'after its first await, while others run']] as const) {
  t.test(`a call that ends its worker every time ${where}: after the second, or once it was the only one, it goes to the error policy, and the rest goes on (C10)`, async (t) => {
    const deadLetterTopic = await cluster.topic(`ended-${how}`, 1)
    const { app, source, sink, warnings } = await application(how, how, 'replace-thread', { deadLetterTopic })
    await app.start()
    const records = input(400).map(({ key, value }, i) => ({ key: i === 200 ? 'deadly' : key, value }))
    await cluster.send(source, [...records, { key: 'k0', value: 'live' }])
    // Committed offsets are past what still waits for its call.
    while ((await cluster.committed(sink)).length < 400) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await app.close()
    // A death among several calls, after one by itself, shows nothing yet.
    const deaths = warnings.filter((warning) => /is replaced/.test(warning)).length
    t.ok(deaths === 2 || (deaths === 3 && how === 'awaited'), `${deaths} deaths`)
    t.match(warnings.join('\n'), /the record in 'asking' at \S+ has ended threads twice there/)
    t.equal((await cluster.committed(deadLetterTopic)).length, 1)
    t.equal((await cluster.headers(deadLetterTopic)).get(DEAD_LETTER_HEADERS.code), 'RECORD_ENDED_THREAD')
    t.same(problems(await cluster.committed(sink), 400), [])
  })
}

t.test('a thread whose loop stands still is reported with operator and record, never with content', async (t) => {
  const { app, options, source, warnings } = await application('block', 'block', 'fail')
  await app.start()
  await cluster.send(source, [{ key: 'hidden', value: 'live', partition: 1 }, { key: 'hidden', value: 'die', partition: 1 }])
  await cluster.consumed(options.applicationId, source)
  await app.close()
  // On a machine that stands still it is told of other turns, too.
  t.match(warnings.filter((each) => each.includes('in one turn')).join('\n'), new RegExp(`in one turn of task \\S+_1 for \\d+ ms, in '[^']*map-?[vV]alues[^']*' at ${source}-1@1\\.`))
  t.notMatch(warnings.join(), /hidden/)
})

/**
 * Rule C10: a record holds its thread until the broker has evicted the member, wherever it is processed. A poison record would tour
 * the application for ever: the second time the supervisor knows it, and its operator's error policy decides.
 */
import t from 'tap'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KafkaStreams } from '../../index.ts'
import { DEAD_LETTER_HEADERS } from '../../runtime/dead-letter.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { begunFile, releasedFile, type WedgedSettings } from './wedged-topology.ts'
import { countProblems, lines, tally } from './word-load.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** The least brokers take. */
const SESSION_MS = 6_000
const HOLD_MS = SESSION_MS + 1_000

interface Wedged {
  readonly problems: readonly string[]
  readonly letters: readonly string[]
  readonly code: string | undefined
  readonly warnings: string
  /** How often the record was run. */
  readonly runs: number
}

async function wedge(how: WedgedSettings['how']): Promise<Wedged> {
  const source = await cluster.topic(`${how}-source`, 4)
  const sink = await cluster.topic(`${how}-sink`, 4)
  const deadLetterTopic = await cluster.topic(`${how}-letters`, 1)
  const applicationId = cluster.name(how)
  const signals = join(cluster.folder(), 'run')
  const warnings: string[] = []
  const app = new KafkaStreams({
    topology: new URL('./wedged-topology.ts', import.meta.url),
    settings: { source, sink, signals, how, holdMs: HOLD_MS } satisfies WedgedSettings,
    applicationId,
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 2,
    sessionTimeoutMs: SESSION_MS,
    replicationFactor: 1,
    uncaughtError: 'replace-thread',
    deadLetterTopic,
    errors: { processing: 'dead-letter' },
    onWarning: (warning) => warnings.push(warning),
  })
  await app.start()
  const input = lines(0, 400)
  const middle = input.length / 2
  await cluster.send(source, [...input.slice(0, middle), { key: 'deadly', value: 'die' }, ...input.slice(middle)])
  let runs = 0
  while ((await cluster.highWatermarks(deadLetterTopic)).get(0) === 0) {
    const begun = begunFile(signals, runs)
    if (existsSync(begun) && readFileSync(begun, 'utf8') !== '') {
      const clientId = `${applicationId}-${readFileSync(begun, 'utf8')}`
      const { groups } = await cluster.admin.describeGroups([applicationId])
      if (!groups[0]!.members.some((member) => member.clientId === clientId)) {
        writeFileSync(releasedFile(signals, runs), '')
        runs++
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  // Of an asynchronous operator, committed offsets are past what still waits.
  while ((await cluster.committed(sink)).length < input.length) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await cluster.consumed(applicationId, source)
  await app.close()
  const letters = await cluster.committed(deadLetterTopic)
  return {
    problems: countProblems(await cluster.committed(sink), tally(input.map(({ key }) => key))),
    letters: letters.map(({ key }) => `${key}`),
    code: (await cluster.headers(deadLetterTopic)).get(DEAD_LETTER_HEADERS.code),
    warnings: warnings.join('\n'),
    runs,
  }
}

t.test('a record that holds its thread beyond the session, in a turn and by promises that are settled already', async (t) => {
  // Both wait most of the time.
  const [turn, promises] = await Promise.all([wedge('turn'), wedge('promises')])
  for (const [how, { problems, letters, code, runs, warnings }] of Object.entries({ turn, promises })) {
    t.same(problems, [], `${how}: every other record counts once`)
    t.same([letters, code], [['deadly'], 'RECORD_ENDED_THREAD'])
    t.ok(runs >= 2, `${how}: run ${runs} times`)
    t.match(warnings, /has ended threads twice there/)
    t.notMatch(warnings, /deadly/, 'no content')
  }
  t.match(turn.warnings, /has been in one turn of task \S+ for \d+ ms/)
  t.match(promises.warnings, /has not come back to its loop for \d+ ms, while calls ran in 'asking' at /)
})

t.test('a record that never ends: the thread is terminated in its loop, the next start opens what it had and nobody waits for its session (ten minutes)', async (t) => {
  const source = await cluster.topic('endless-source', 4)
  const sink = await cluster.topic('endless-sink', 4)
  const signals = join(cluster.folder(), 'run')
  const stateDir = cluster.folder()
  const warnings: string[] = []
  const start = async (holdMs: number) => {
    const app = new KafkaStreams({
      topology: new URL('./wedged-topology.ts', import.meta.url),
      settings: { source, sink, signals, how: 'turn', holdMs } satisfies WedgedSettings,
      applicationId: cluster.name('endless'),
      bootstrapServers: cluster.bootstrapServers,
      stateDir,
      sessionTimeoutMs: 600_000,
      closeTimeoutMs: 500,
      replicationFactor: 1,
      onWarning: (warning) => warnings.push(warning),
    })
    await app.start()
    return app
  }
  const first = await start(Number.POSITIVE_INFINITY)
  const before = lines(0, 200)
  await cluster.send(source, before)
  await cluster.consumed(first.config.applicationId, source)
  await cluster.send(source, [{ key: 'deadly', value: 'die' }])
  while (!existsSync(begunFile(signals, 0))) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await first.close()
  t.match(warnings.join('\n'), /has not stopped within 500 ms \(closeTimeoutMs\) and is ended/)
  // It is held no more.
  writeFileSync(releasedFile(signals, 1), '')
  const second = await start(0)
  const after = lines(200, 200)
  await cluster.send(source, after)
  await cluster.consumed(second.config.applicationId, source)
  await second.close()
  t.same(countProblems(await cluster.committed(sink), tally([...before, { key: 'deadly' }, ...after].map(({ key }) => key))), [])
})

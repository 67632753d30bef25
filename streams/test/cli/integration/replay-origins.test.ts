/** Replays of letters whose record is not in them, or came through a repartition topic. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { KafkaStreams, Serdes, type StreamsBuilder } from '../../../index.ts'
import { TestCluster } from '../../integration/streams-support.ts'
import { millrace } from '../run.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

const strings = { key: Serdes.string(), value: Serdes.string() }

t.test('a letter of an asynchronous operator, and one from behind a repartition', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const [source, asked, moved, letters] = [await cluster.topic('source', 2), await cluster.topic('asked', 2), await cluster.topic('moved', 2), await cluster.topic('letters', 1)]
  let down = true
  const refuse = (value: string) => {
    if (down && value.includes('bad')) {
      throw Object.assign(new Error('no'), { code: 'SERVICE_DOWN' })
    }
    return value
  }
  const applicationId = cluster.name('origins')
  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      const records = b.stream(source, { ...strings, retryTopic: true })
      records
        .mapValues((value) => `changed ${value}`, { value: Serdes.string() })
        .mapAsync(async (value) => refuse(value), { name: 'ask', value: Serdes.string(), retry: 0, onFailure: 'dead-letter' })
        .to(asked)
      records
        .selectKey((_key, value) => value, { key: Serdes.string() })
        .repartition({ name: 'by-value' })
        .mapValues((value) => refuse(value), { name: 'check', value: Serdes.string() })
        .to(moved)
    },
    applicationId, bootstrapServers: cluster.bootstrapServers, stateDir: cluster.folder(), threads: 'in-process', sessionTimeoutMs: 60_000,
    errors: { processing: 'dead-letter' }, deadLetterTopic: letters,
  })
  t.teardown(() => app.close())
  await app.start()
  await cluster.send(source, [{ key: 'a', value: 'bad', timestamp: 1_000_000_000_000 }, { key: 'b', value: 'good' }])
  const values = async (topic: string) => (await cluster.committed(topic)).map(({ value, timestamp }) => [value!.toString(), timestamp])
  const run = (...words: string[]) => millrace('dead-letters', ...words, '--bootstrap-server', cluster.bootstrapServers)
  while ((await cluster.committed(letters)).length < 2) {
    await delay(20)
  }
  const list = JSON.parse((await run('list', letters, '--format', 'json')).lines) as { letter: string; operator: string; code: string }[]
  t.same(list.map(({ operator, code }) => `${operator} ${code}`).sort(), ['ask CALL_FAILED', 'check PROCESSING_FAILED'])
  const ask = list.find(({ operator }) => operator === 'ask')!
  t.match((await run('show', letters, ask.letter)).lines, new RegExp(`a replay reads the record from ${source}: this is the pending entry of ask`))

  down = false
  const replay = await run('replay', letters, '--application', applicationId, '--operator', 'check')
  t.match(replay, { code: 0, lines: new RegExp(`^sent to ${applicationId}-by-value-repartition: 1$`) }, replay.remarks)
  while ((await cluster.committed(moved)).length < 2) {
    await delay(20)
  }
  t.match(await run('replay', letters, '--application', applicationId), { code: 0, lines: new RegExp(`^sent to ${applicationId}-${source}-retry: 1\nreplayed before: 1$`) })
  while ((await cluster.committed(asked)).length < 2) {
    await delay(20)
  }
  t.same((await values(asked)).find(([value]) => value === 'changed bad'), ['changed bad', 1_000_000_000_000], 'the record of the source took the whole way, under its own time')
})

/** Versioned stores in a task (rule A4): many versions in one transaction, restored, restarted, aborted, compacted. */
import { Serdes, Stores, type VersionedKeyValueStore } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'

const string = Serdes.string()
const HISTORY = 500

/** Puts every record at its own time; the value 'gone' deletes. */
function run(commitEvery: number) {
  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('in', { key: string, value: string }).process(
        () => {
          let versions: VersionedKeyValueStore<string, string>
          return {
            init(context) {
              versions = context.getStateStore('versions')
            },
            process({ key, value, timestamp }) {
              versions.put(key, value === 'gone' ? null : value, timestamp)
            },
          }
        },
        { name: 'keeper', stores: [Stores.versionedKeyValueStore('versions', { key: string, value: string, historyRetention: HISTORY })] }
      )
    },
    { commitEvery }
  )
  const input = driver.createInputTopic('in', string, string)
  return {
    driver,
    put: (key: string, value: string, time: number) => input.pipeInput(key, value, time),
    history: () => {
      const store = driver.getVersionedKeyValueStore<string, string>('versions')
      return ['a', 'b', 'c'].flatMap((key) => Array.from(store.versions(key, 0, 10_000), ({ value, timestamp, validTo }) => `${key}: ${value}@${timestamp}-${validTo}`))
    },
    dropped: () => driver.tasks.reduce((sum, task) => sum + task.counters.dropped, 0),
  }
}

function records(seed: number): (readonly [string, string, number])[] {
  let state = seed
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
  return Array.from({ length: 200 }, (_, i) => ['abc'[random(3)]!, random(8) === 0 ? 'gone' : `v${i}`, Math.max(0, i * 10 - random(600))] as const)
}

t.test('whatever happens, the history is that of one undisturbed run', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const input = records(seed)
    const told = (commitEvery: number, disturb: (driver: TopologyTestDriver, index: number) => void) => {
      const it = run(commitEvery)
      for (const [index, record] of input.entries()) {
        it.put(...record)
        disturb(it.driver, index)
      }
      it.driver.commit()
      return it
    }
    const expected = told(1, () => {})
    const wanted = expected.history()
    t.ok(wanted.length > 20)
    const many = told(Number.POSITIVE_INFINITY, (driver, index) => index % 60 === 59 && driver.commit())
    t.same(many.history(), wanted)
    t.equal(many.dropped(), expected.dropped())
    many.driver.restart()
    t.same(many.history(), wanted)
    many.driver.restore()
    t.same(many.history(), wanted, `seed ${seed}: from the changelog`)
    t.same(told(Number.POSITIVE_INFINITY, (driver, index) => (index % 50 === 30 ? driver.abort() : index % 40 === 20 ? driver.commit() : undefined)).history(), wanted)
    t.same(told(7, (driver, index) => index % 33 === 20 && driver.restore()).history(), wanted)
  }
})

t.test('a changelog that was compacted still has the latest version of each key', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const it = run(13)
    for (const record of records(seed)) {
      it.put(...record)
    }
    it.driver.commit()
    const log = it.driver.createOutputTopic('test-versions-changelog', string, string).readRecordsToList()
    const compacted = new Map(log.map((record) => [record.key!, record]))
    const store = it.driver.getVersionedKeyValueStore<string, string>('versions')
    for (const [key, { value, timestamp }] of compacted) {
      const latest = store.get(key)
      t.same(latest, value === null ? undefined : { value, timestamp }, `seed ${seed}, key ${key}`)
    }
    await it.driver.close()
  }
})

t.test('its changelog keeps every version as long as somebody may ask for it', async (t) => {
  const it = run(1)
  const topic = it.driver.topology.subtopologies[0]!.internalTopics.find(({ name }) => name === 'test-versions-changelog')!
  t.equal(topic.config['cleanup.policy'], 'compact')
  t.equal(topic.config['min.compaction.lag.ms'], String(HISTORY + 86_400_000))
  t.throws(() => it.driver.getWindowStore('versions'), { code: 'CONFIG_INVALID' })
  await it.driver.close()
})

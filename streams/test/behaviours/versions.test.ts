/** Behaviour 40: a table that keeps its history. */
import t from 'tap'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './support.ts'

function table(...records: readonly (readonly [key: string, value: string | null, timestamp: number])[]) {
  const driver = new TopologyTestDriver((b) => {
    b.table('in', { ...strings, name: 'rows', historyRetention: 100 })
  })
  driver.createInputTopic('in', string, string).pipeAll(records)
  const store = driver.getVersionedKeyValueStore<string, string>('rows')
  return (key: string, asOf?: number) => {
    const found = asOf === undefined ? store.get(key) : store.get(key, asOf)
    return found === undefined ? undefined : `${found.value}@${found.timestamp}`
  }
}

t.test('40. a version holds from its time to that of the next, in whatever order they come', async (t) => {
  const older = table(['k', 'v20', 20], ['k', null, 15], ['k', 'v5', 5], ['k', null, 1])
  t.equal(older('k'), 'v20@20', 'what comes later but is older changes nothing now')
  t.same([older('k', 30), older('k', 20), older('k', 19), older('k', 15), older('k', 14), older('k', 5), older('k', 4)], [
    'v20@20', 'v20@20', undefined, undefined, 'v5@5', 'v5@5', undefined,
  ])

  t.equal(table(['k', 'first', 7], ['k', null, 7], ['k', 'second', 7])('k'), 'second@7', 'of one time the last one counts')
  t.equal(table(['k', 'first', 7], ['k', null, 7])('k'), undefined)

  const expired = table(['k', 'v', 1], ['other', 'old', 1], ['other', 'new', 112])
  t.equal(expired('k', 10), 'v@1', 'beyond the history it is known what held, if it still does')
  t.equal(expired('other', 10), undefined, 'and not, if something newer has come')
})

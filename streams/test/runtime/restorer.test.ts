import t from 'tap'
import type { FetchedRecords, Fetcher, FetcherOptions, TopicPartition } from '../../kafka/contract.ts'
import { Restorer } from '../../runtime/restorer.ts'

/** A fetcher whose answers the test gives. */
class ScriptedFetcher implements Fetcher {
  readonly sought: string[] = []
  readonly removed: string[] = []
  readonly paused = new Set<string>()
  options!: FetcherOptions

  make(options: FetcherOptions): Fetcher {
    this.options = options
    return this
  }

  seek({ topic, partition }: TopicPartition, offset: number): number {
    this.sought.push(`${topic}-${partition}@${offset}`)
    return 1
  }

  pause({ topic }: TopicPartition): void {
    this.paused.add(topic)
  }

  resume({ topic }: TopicPartition): void {
    this.paused.delete(topic)
  }

  remove({ topic }: TopicPartition): void {
    this.removed.push(topic)
  }

  position(): undefined {
    return undefined
  }

  async close(): Promise<void> {}

  answer(topic: string, nextOffset: number): void {
    this.options.onRecords({ topic, partition: 0, nextOffset } as FetchedRecords)
  }
}

function setup(busy: () => boolean) {
  const fetcher = new ScriptedFetcher()
  const restorer = new Restorer({ fetcher: (options) => fetcher.make(options) }, busy)
  return { fetcher, restorer }
}

t.test('a read ends when the position, markers included, has reached its mark; nothing to read is done at once', async (t) => {
  const { fetcher, restorer } = setup(() => false)
  const applied: number[] = []
  await restorer.read({ topic: 'none', partition: 0, from: 7, to: 7, signal: new AbortController().signal, apply: () => Promise.reject(new Error('applied')) })
  const read = restorer.read({ topic: 'log', partition: 0, from: 3, to: 10, signal: new AbortController().signal, apply: async ({ nextOffset }) => void applied.push(nextOffset) })
  t.same(fetcher.sought, ['log-0@3'])
  fetcher.answer('log', 8)
  fetcher.answer('log', 11)
  await read
  t.same(applied, [8, 11])
  t.same(fetcher.removed, ['log'])
})

t.test('who follows gets what comes until it is told to stop', async (t) => {
  const { fetcher, restorer } = setup(() => false)
  const abort = new AbortController()
  const heard = Promise.withResolvers<number>()
  const read = restorer.read({ topic: 'log', partition: 0, from: 0, to: Number.MAX_SAFE_INTEGER, follow: true, signal: abort.signal, apply: async ({ nextOffset }) => heard.resolve(nextOffset) })
  fetcher.answer('log', 5)
  t.equal(await heard.promise, 5)
  abort.abort(new Error('promoted'))
  await t.rejects(read, { message: 'promoted' })
  t.same(fetcher.removed, ['log'])
})

t.test('a restore that ends while records are being applied is watched no more', async (t) => {
  const { fetcher, restorer } = setup(() => false)
  const abort = new AbortController()
  const applying = Promise.withResolvers<void>()
  const applied = Promise.withResolvers<void>()
  let stalls = 0
  const read = restorer.read({
    topic: 'log',
    partition: 0,
    from: 0,
    to: 10,
    signal: abort.signal,
    onStall: () => void stalls++,
    apply: () => {
      applying.resolve()
      return applied.promise
    },
  })
  fetcher.answer('log', 5)
  await applying.promise
  const over = t.rejects(read, { message: 'taken away' })
  abort.abort(new Error('taken away'))
  const before = stalls
  applied.resolve()
  await over
  // Longer than a restore may be silent before it counts as stalled.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(stalls, before)
})

t.test('while tasks have work, all restores together take a third of the time: one applies at a time, then all wait twice as long', async (t) => {
  const { fetcher, restorer } = setup(() => true)
  const began: number[] = []
  let applying = 0
  const read = (topic: string) =>
    restorer.read({
      topic,
      partition: 0,
      from: 0,
      to: 1,
      signal: new AbortController().signal,
      apply: async () => {
        t.equal(++applying, 1, 'nobody else applies')
        began.push(performance.now())
        await new Promise((resolve) => setTimeout(resolve, 30))
        applying--
      },
    })
  const reads = ['a', 'b', 'c'].map(read)
  for (const topic of ['a', 'b', 'c']) {
    fetcher.answer(topic, 1)
  }
  await Promise.all(reads)
  t.ok(began[1]! - began[0]! >= 80 && began[2]! - began[1]! >= 80, `${began.map((at) => (at - began[0]!).toFixed(0))} ms: 30 of work, 60 of rest`)
})

t.test('while nothing else is to be done they go on side by side', async (t) => {
  const { fetcher, restorer } = setup(() => false)
  let applying = 0
  let most = 0
  const release = Promise.withResolvers<void>()
  const reads = ['a', 'b', 'c'].map((topic) =>
    restorer.read({
      topic,
      partition: 0,
      from: 0,
      to: 1,
      signal: new AbortController().signal,
      apply: async () => {
        most = Math.max(most, ++applying)
        if (applying === 3) {
          release.resolve()
        }
        await release.promise
      },
    }),
  )
  for (const topic of ['a', 'b', 'c']) {
    fetcher.answer(topic, 1)
  }
  await Promise.all(reads)
  t.equal(most, 3)
})

t.test('copies wait while a task is restored', async (t) => {
  const { fetcher, restorer } = setup(() => false)
  const applied: string[] = []
  const { signal } = new AbortController()
  const read = (topic: string, copy: boolean) => restorer.read({ topic, partition: 0, from: 0, to: 2, copy, signal, apply: async () => void applied.push(topic) })
  const reads: Promise<void>[] = [read('copy', true), read('task', false)]
  fetcher.answer('copy', 2)
  fetcher.answer('task', 1)
  while (!applied.includes('task')) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.same(applied, ['task'])
  fetcher.answer('task', 2)
  await Promise.all(reads)
  t.same(applied, ['task', 'task', 'copy'])
})

t.test('a failed chunk rejects its own read only', async (t) => {
  const { fetcher, restorer } = setup(() => true)
  const { signal } = new AbortController()
  const bad = restorer.read({ topic: 'bad', partition: 0, from: 0, to: 1, signal, apply: async () => Promise.reject(new Error('disk full')) })
  const good = restorer.read({ topic: 'good', partition: 0, from: 0, to: 1, signal, apply: async () => undefined })
  fetcher.answer('bad', 1)
  fetcher.answer('good', 1)
  await t.rejects(bad, { message: 'disk full' })
  await good
})

t.test('a read that is called off ends when nothing of it is being applied any more, and nothing of it is applied later', async (t) => {
  const { fetcher, restorer } = setup(() => true)
  const first = new AbortController()
  const applied: string[] = []
  const began = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const read = restorer.read({
    topic: 'log',
    partition: 0,
    from: 0,
    to: 10,
    signal: first.signal,
    apply: async ({ nextOffset }) => {
      began.resolve()
      await go.promise
      applied.push(`old ${nextOffset}`)
    },
  })
  const other = new AbortController()
  const waiting = restorer.read({ topic: 'other', partition: 0, from: 0, to: 10, signal: other.signal, apply: async () => void applied.push('other') })
  fetcher.answer('log', 5)
  await began.promise
  // Waits for its turn.
  fetcher.answer('other', 5)
  let ended = false
  const over = read.catch(() => {
    ended = true
  })
  first.abort(new Error('promoted'))
  other.abort(new Error('taken away'))
  await t.rejects(waiting, { message: 'taken away' })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(ended, false, 'whoever reads on would be overwritten by what is still being written')
  go.resolve()
  await over
  // More than the other one's turn is away.
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(applied, ['old 5'])
})

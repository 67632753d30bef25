/** Random lives of a window and a session store, with marks, aborts, commits and reopenings, against plain arrays. */
import t from 'tap'
import { createSessionStore, createWindowStore, memoryEngine, openTaskState, rocksdbEngine, sessionLayout, type StorageEngine, storeClock, windowLayout } from '../../index.ts'
import { TEXT } from '../../testing/text.ts'

const MINUTE = 60_000
const RETENTION = 3 * MINUTE
const WINDOWS = { retentionMs: RETENTION, windowSizeMs: 10, retainDuplicates: false, indexed: true }
const SESSIONS = { retentionMs: RETENTION, indexed: false }

interface Entry {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly value: string
}

/** What should be there: every write in order, each kept while the clock allows. */
class Model {
  windows: Entry[] = []
  sessions: Entry[] = []
  windowTime = -1
  sessionTime = -1

  copy(): Model {
    return Object.assign(new Model(), { ...this, windows: [...this.windows], sessions: [...this.sessions] })
  }

  put(what: 'windows' | 'sessions', entry: Omit<Entry, 'value'>, value: string | null): void {
    const time = what === 'windows' ? 'windowTime' : 'sessionTime'
    const own = what === 'windows' ? entry.start : entry.end
    this[time] = Math.max(this[time], own)
    // Ordered by time a store keeps one millisecond more.
    if (own < this[time] - RETENTION + (what === 'windows' ? 0 : 1)) {
      return
    }
    this[what] = this[what].filter((other) => other.key !== entry.key || other.start !== entry.start || other.end !== entry.end)
    if (value !== null) {
      this[what].push({ ...entry, value })
    }
  }

  live(what: 'windows' | 'sessions'): Entry[] {
    return this[what].filter((entry) => (what === 'windows' ? entry.start >= this.windowTime - RETENTION : entry.end > this.sessionTime - RETENTION))
  }
}

async function run(engine: StorageEngine, location: string, seed: number, steps: number): Promise<string[]> {
  let state = seed
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
  const open = async () => {
    const task = await openTaskState({
      engine,
      location,
      readCacheBytes: 20_000,
      stores: [
        { name: 'w', kind: 'window', logged: true, layout: windowLayout(WINDOWS, false) },
        { name: 's', kind: 'session', logged: true, layout: sessionLayout(SESSIONS) },
      ],
    })
    const options = (time: number) => ({ clock: storeClock(time), now: () => 0 })
    const stores = () => ({
      windows: createWindowStore(task.store('w'), TEXT, WINDOWS, options(model.windowTime)),
      sessions: createSessionStore(task.store('s'), TEXT, SESSIONS, options(model.sessionTime)),
    })
    return { task, stores }
  }
  let model = new Model()
  let committed = model.copy()
  let { task, stores } = await open()
  let { windows, sessions } = stores()
  const problems: string[] = []
  let now = 0
  const write = () => {
    const key = `k${random(3)}`
    const value = random(6) === 0 ? null : `v${random(1_000)}`
    // Coarse, and often near the retention, so that its bound is hit.
    const ago = random(3) === 0 ? RETENTION + (random(5) - 2) * 10_000 : random(18) * 10_000
    const start = Math.max(0, (random(2) === 0 ? model.windowTime : now) - ago)
    if (random(2) === 0) {
      windows.put(key, value, start)
      model.put('windows', { key, start, end: 0 }, value)
    } else {
      const end = start + random(6) * 10_000
      sessions.put({ key, window: { start, end } }, value)
      model.put('sessions', { key, start, end }, value)
    }
  }
  for (let step = 0; step < steps; step++) {
    now += random(4) * 10_000
    const what = random(12)
    if (what < 7) {
      write()
    } else if (what < 8) {
      const before = model.copy()
      const mark = task.mark()
      write()
      task.rollback(mark)
      task.release(mark)
      model = before
      ;({ windows, sessions } = stores())
    } else if (what < 10) {
      for (const [name, store] of [['w', windows], ['s', sessions]] as const) {
        const expired = store.expiredRows()
        if (expired !== undefined) {
          task.expire(name, expired)
        }
      }
      task.freeze()
      await task.applyFrozen(new Map())
      committed = model.copy()
    } else if (what < 11) {
      task.drop()
      model = committed.copy()
      ;({ windows, sessions } = stores())
    } else if (engine.name !== 'memory') {
      await task.close()
      model = committed.copy()
      ;({ task, stores } = await open())
      ;({ windows, sessions } = stores())
    }
    const shown = (entries: Iterable<string>) => [...entries].sort().join()
    const found = shown([...windows.all()].map(([{ key, window }, value]) => `${key}@${window.start}=${value}`))
    const wanted = shown(model.live('windows').map(({ key, start, value }) => `${key}@${start}=${value}`))
    const foundSessions = shown(['k0', 'k1', 'k2'].flatMap((key) => [...sessions.fetch(key)].map(([{ window }, value]) => `${key}@${window.start}/${window.end}=${value}`)))
    const wantedSessions = shown(model.live('sessions').map(({ key, start, end, value }) => `${key}@${start}/${end}=${value}`))
    const one = [...windows.fetch('k1', now - 2 * MINUTE, now)].map(([start, value]) => `${start}=${value}`)
    const wantedOne = model
      .live('windows')
      .filter(({ key, start }) => key === 'k1' && start >= now - 2 * MINUTE && start <= now)
      .sort((a, b) => a.start - b.start)
      .map(({ start, value }) => `${start}=${value}`)
    if (found !== wanted || foundSessions !== wantedSessions || one.join() !== wantedOne.join()) {
      problems.push(`step ${step}: ${found} | ${foundSessions} | ${one} instead of ${wanted} | ${wantedSessions} | ${wantedOne}`)
      break
    }
  }
  await (task as { swept?: () => Promise<void> }).swept?.()
  await task.close()
  return problems
}

t.test('memory', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    t.same(await run(memoryEngine, '', seed, 150), [], `seed ${seed}`)
  }
})

t.test('rocksdb', async (t) => {
  const folder = t.testdir()
  for (let seed = 1; seed <= 3; seed++) {
    t.same(await run(rocksdbEngine, `${folder}/${seed}`, seed, 120), [], `seed ${seed}`)
  }
})

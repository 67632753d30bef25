import t from 'tap'
import { createHash } from 'node:crypto'
import fc from '../../../../state-stores/test/seeded.ts'
import { assign } from '../../../membership/assignor.ts'
import { encodeAssignment, encodeSubscription } from '../../../membership/protocol.ts'
import type { Claim, CopyPolicy, GroupAssignment, Member, SubtopologyDescription, TaskVersion } from '../../../membership/types.ts'
import { DEFAULT_COPIES, taskVersionKey } from '../../../membership/types.ts'
import { mergeDescriptions, resourcesOf } from '../../../membership/versions.ts'

function subtopology(name: string, fingerprint: string, topics: readonly string[], partitions: number, changelogs: readonly string[] = []): SubtopologyDescription {
  return { name, fingerprint, inputs: topics.map((topic) => ({ topic, partitions })), changelogs, tasks: partitions, weight: changelogs.length > 0 ? 2 : 1 }
}

function member(memberId: string, subtopologies: readonly SubtopologyDescription[], owned: readonly Claim[] = [], processId = memberId): Member {
  return { memberId, processId, thread: 0, subtopologies, owned, released: [], copies: [], feeds: true }
}

/** Records in the changelogs of every stateful task of these tests. */
const SIZE = 1_000_000

/** A group as the broker and well-behaved members make it: each round all join with what they hold and apply what they get. */
class Group {
  readonly members = new Map<string, Member>()
  readonly policy: CopyPolicy
  generation = 0

  constructor(policy: Partial<CopyPolicy> = {}) {
    this.policy = { ...DEFAULT_COPIES, ...policy }
  }

  join(joining: Member): void {
    this.members.set(joining.memberId, joining)
  }

  leave(memberId: string): void {
    this.members.delete(memberId)
  }

  /** One rebalance. Returns how many tasks are waiting. `silent` members drop out as if their session had ended. */
  round(): number {
    this.generation++
    const result = assign([...this.members.values()], this.policy)
    this.last = result
    const stateful = new Set([...mergeDescriptions([...this.members.values()]).values()].filter((s) => s.changelogs.length > 0).map((s) => s.name))
    for (const [memberId, known] of this.members) {
      const { tasks, standbys = [], warmups = [] } = result.members.get(memberId)!
      // Released at once, confirmed in this generation.
      const kept = new Set(tasks.map(taskVersionKey))
      const released = known.owned.filter((claim) => !kept.has(taskVersionKey(claim)))
      // What was fed for a round has caught up; what was its own has the whole state.
      const had = (task: TaskVersion) =>
        known.copies.some((copy) => copy.subtopology === task.subtopology && copy.partition === task.partition) || known.owned.some((claim) => taskVersionKey(claim) === taskVersionKey(task))
      const copies = [...standbys, ...warmups].map((task) => ({ subtopology: task.subtopology, partition: task.partition, lag: had(task) ? 0 : SIZE, open: true, size: SIZE }))
      this.members.set(memberId, {
        ...known,
        released,
        copies,
        owned: tasks.map((task) => ({ ...task, generation: this.generation, ...(stateful.has(task.subtopology) ? { size: SIZE } : {}) })),
      })
    }
    return result.waiting.length
  }

  last: GroupAssignment | undefined

  /** Everything a member has or feeds, to see whether a round changed anything. */
  signature(): string {
    const names = (tasks: readonly TaskVersion[] = []) => tasks.map(taskVersionKey).sort().join(' ')
    return [...this.last!.members].map(([id, { tasks, standbys, warmups }]) => `${id}: ${names(tasks)} | ${names(standbys)} | ${names(warmups)}`).join('\n')
  }

  /** Rounds until nothing changes any more; each warm-up takes one to be made, one to be noticed, two to hand over. */
  settle(limit = 200): number {
    for (let rounds = 1; rounds <= limit; rounds++) {
      const before = this.last === undefined ? '' : this.signature()
      const lags = JSON.stringify([...this.members.values()].map((each) => each.copies))
      const waited = new Set(this.last?.waiting.map(taskVersionKey))
      this.round()
      const again = this.last!.waiting.find((task) => waited.has(taskVersionKey(task)))
      if (again !== undefined) {
        throw new Error(`${taskVersionKey(again)} waits for two rounds`)
      }
      if (this.last!.waiting.length === 0 && this.signature() === before && JSON.stringify([...this.members.values()].map((each) => each.copies)) === lags) {
        return rounds
      }
    }
    throw new Error(`still moving after ${limit} rounds:\n${this.signature()}`)
  }

  held(): Map<string, TaskVersion[]> {
    return new Map([...this.members].map(([id, { owned }]) => [id, [...owned]]))
  }
}

/** Resources that two tasks of the assignment, or two members, have at once. */
function conflicts(members: readonly Member[], assigned: ReadonlyMap<string, readonly TaskVersion[]>): string[] {
  const descriptions = mergeDescriptions(members)
  const used = new Map<string, string>()
  const found: string[] = []
  for (const [memberId, tasks] of assigned) {
    for (const task of tasks) {
      for (const resource of resourcesOf(task, descriptions)) {
        const by = `${memberId} ${taskVersionKey(task)}`
        if (used.has(resource) && used.get(resource) !== by) {
          found.push(`${resource}: ${used.get(resource)} and ${by}`)
        }
        used.set(resource, by)
      }
    }
  }
  return found
}

const ORDERS = subtopology('orders', 'f1', ['orders'], 4, ['app-orders-changelog'])

t.test('one member gets everything in one round', async (t) => {
  const group = new Group()
  group.join(member('a', [ORDERS]))
  t.equal(group.round(), 0)
  t.equal(group.held().get('a')!.length, 4)
})

t.test('a second member takes half: copies first, then the first member releases, then it has them', async (t) => {
  const group = new Group()
  group.join(member('a', [ORDERS]))
  group.round()
  group.join(member('b', [ORDERS]))
  t.equal(group.round(), 0, 'nothing moves yet')
  t.same(group.last!.members.get('b')!.warmups!.length, 2)
  t.equal(group.held().get('a')!.length, 4)
  t.equal(group.round(), 0, 'they are told to have begun, not to have caught up')
  t.equal(group.round(), 2, 'now they are taken away')
  t.equal(group.last!.members.get('b')!.standbys!.length, 2, 'their copies stay open meanwhile')
  t.same([...group.held()].map(([id, tasks]) => [id, tasks.length]), [['a', 2], ['b', 0]])
  t.equal(group.round(), 0)
  t.same([...group.held()].map(([id, tasks]) => [id, tasks.length]), [['a', 2], ['b', 2]])
  const before = group.held()
  t.equal(group.round(), 0)
  t.same(group.held(), new Map([...before].map(([id, tasks]) => [id, tasks.map((task) => ({ ...task, generation: 6, size: SIZE }))])), 'a further round moves nothing')
  t.same(group.last!.members.get('b')!.warmups, [])
})

t.test('members with several subtopologies get some of each', async (t) => {
  const group = new Group()
  const both = [subtopology('x', '1', ['x'], 4), subtopology('y', '1', ['y'], 4)]
  group.join(member('a', both))
  group.join(member('b', both))
  t.equal(group.round(), 0)
  for (const [, tasks] of group.held()) {
    t.equal(tasks.filter((task) => task.subtopology === 'x').length, 2)
    t.equal(tasks.filter((task) => task.subtopology === 'y').length, 2)
  }
})

t.test('of two claims the higher generation wins, a tie makes both release', async (t) => {
  const task = { subtopology: 'orders', fingerprint: 'f1', partition: 0 }
  const old = assign([member('a', [ORDERS], [{ ...task, generation: 3 }]), member('b', [ORDERS], [{ ...task, generation: 5 }])])
  t.ok(old.members.get('b')!.tasks.some((assigned) => assigned.partition === 0))
  t.notOk(old.members.get('a')!.tasks.some((assigned) => assigned.partition === 0))
  const tie = assign([member('a', [ORDERS], [{ ...task, generation: 5 }]), member('b', [ORDERS], [{ ...task, generation: 5 }])])
  t.same(tie.waiting, [task])
})

t.test('versions: a partition stays with the version that holds it; a leader of either version assigns the other', async (t) => {
  const v1 = [subtopology('x', '1', ['a'], 4, ['x-log']), subtopology('y', '1', ['b'], 4)]
  const v2 = [subtopology('xy', '2', ['a', 'b'], 4, ['x-log'])]
  const group = new Group()
  group.join(member('a', v1))
  group.join(member('b', v1))
  group.round()
  group.leave('b')
  group.join(member('b2', v2))
  group.round()
  group.round()
  t.same(conflicts([...group.members.values()], group.held()), [])
  t.ok(group.held().get('a')!.every((task) => task.fingerprint === '1'))
  group.leave('a')
  group.join(member('a2', v2))
  group.round()
  group.round()
  t.equal([...group.held().values()].flat().length, 4)
  t.ok([...group.held().values()].flat().every((task) => task.fingerprint === '2'))
})

// --- properties ------------------------------------------------------------------------------------------------------

const TOPICS = ['t0', 't1', 't2', 't3']

/** A topology: topics are shared out among its subtopologies, as the builder guarantees. */
const topologyOf = (version: string) =>
  fc.array(fc.integer({ min: 0, max: 2 }), { minLength: TOPICS.length, maxLength: TOPICS.length }).map((group) => {
    const partitions = [4, 4, 3, 2]
    return [0, 1, 2].flatMap((g) => {
      const topics = TOPICS.filter((_, i) => group[i] === g)
      if (topics.length === 0) {
        return []
      }
      const inputs = topics.map((topic) => ({ topic, partitions: partitions[TOPICS.indexOf(topic)]! }))
      const described: SubtopologyDescription = {
        name: `s-${topics[0]}`,
        // Equal subtopologies of two versions are one.
        fingerprint: topics.join('+'),
        inputs,
        changelogs: g === 1 ? [`log-${topics[0]}`] : [],
        tasks: Math.max(...inputs.map((input) => input.partitions)),
        weight: g === 1 ? 2 : 1,
      }
      return [g === 1 ? { ...described, fingerprint: `${described.fingerprint} logged` } : described]
    }).map((s) => ({ ...s, version }))
  })

const events = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('join' as const), version: fc.constantFrom(0, 1) }),
    fc.record({ type: fc.constant('leave' as const), which: fc.nat(5) }),
    fc.record({ type: fc.constant('round' as const) }),
    // Evicted: joins again with a new id and claims nothing (rule A12).
    fc.record({ type: fc.constant('evicted' as const), which: fc.nat(5) }),
  ),
  { minLength: 1, maxLength: 15 },
)

t.test('property: no source or changelog partition twice, whatever comes and goes; all is running after three rounds; then nothing moves', async () => {
  fc.assert(
    fc.property(topologyOf('1'), topologyOf('2'), events, (v1, v2, steps) => {
      const group = new Group()
      let next = 0
      const join = (version: number) => group.join(member(`m${next++}`, version === 0 ? v1 : v2))
      join(0)
      const check = () => {
        const found = conflicts([...group.members.values()], group.held())
        if (found.length > 0) {
          throw new Error(found.join('; '))
        }
      }
      for (const step of steps) {
        const ids = [...group.members.keys()]
        if (step.type === 'join') {
          join(step.version)
        } else if (step.type === 'round') {
          group.round()
        } else if (ids.length > 1) {
          const id = ids[step.which % ids.length]!
          const { subtopologies } = group.members.get(id)!
          group.leave(id)
          if (step.type === 'evicted') {
            group.join(member(`m${next++}`, subtopologies))
          }
        }
        check()
      }
      for (let round = 0; round < 3; round++) {
        group.round()
        check()
      }
      // Warm-ups go on beside what runs; in the end nothing moves.
      group.settle()
      check()
      const settled = JSON.stringify([...group.held()].map(([id, tasks]) => [id, tasks.map(taskVersionKey).sort()]))
      if (group.round() !== 0) {
        throw new Error('a task of a settled group is waiting')
      }
      const again = JSON.stringify([...group.held()].map(([id, tasks]) => [id, tasks.map(taskVersionKey).sort()]))
      if (again !== settled) {
        throw new Error(`a settled group moved: ${settled} to ${again}`)
      }
      // Every partition of every topic some member reads is read by somebody.
      const descriptions = mergeDescriptions([...group.members.values()])
      const read = new Set([...group.held().values()].flat().flatMap((task) => resourcesOf(task, descriptions)).filter((resource) => resource.startsWith('topic t')))
      for (const topic of TOPICS) {
        const partitions = Math.max(0, ...[...descriptions.values()].flatMap((d) => d.inputs.filter((input) => input.topic === topic).map((input) => input.partitions)))
        for (let p = 0; p < partitions; p++) {
          if (!read.has(`topic ${topic}/${p}`)) {
            throw new Error(`nobody reads ${topic}/${p}`)
          }
        }
      }
    }),
    { numRuns: 500 },
  )
})

t.test('property: claims of any kind, also contradicting ones, never give a partition to two', async () => {
  const claim = fc.record({ partition: fc.nat(3), generation: fc.integer({ min: 0, max: 4 }) })
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(claim, { selector: (c) => c.partition }), { minLength: 1, maxLength: 5 }), (claims) => {
      const members = claims.map((owned, i) => member(`m${i}`, [ORDERS], owned.map((c) => ({ subtopology: 'orders', fingerprint: 'f1', ...c }))))
      const result = assign(members)
      const found = conflicts(members, new Map([...result.members].map(([id, { tasks }]) => [id, tasks])))
      if (found.length > 0) {
        throw new Error(found.join('; '))
      }
      const shuffled = assign([...members].reverse())
      for (const [id, { tasks }] of result.members) {
        if (JSON.stringify(shuffled.members.get(id)!.tasks) !== JSON.stringify(tasks)) {
          throw new Error('the order of the members matters')
        }
      }
    }),
    { numRuns: 500 },
  )
})

t.test('property: loads differ by at most the heaviest task among members of one version', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), (members, x, y) => {
      const topology = [subtopology('x', '1', ['x'], x, ['x-log']), subtopology('y', '1', ['y'], y)]
      const group = new Group()
      for (let i = 0; i < members; i++) {
        group.join(member(`m${i}`, topology))
        group.round()
      }
      group.settle()
      const loads = [...group.held().values()].map((tasks) => tasks.reduce((sum, task) => sum + (task.subtopology === 'x' ? 2 : 1), 0))
      if (Math.max(...loads) - Math.min(...loads) > 2) {
        throw new Error(`loads ${loads.join(', ')}`)
      }
    }),
  )
})

// --- copies -----------------------------------------------------------------------------------------------------------

const STATE = subtopology('orders', 'f1', ['orders'], 6, ['app-orders-changelog'])

/** What a member has of a task, active or copy, by process: nobody may have one twice. */
function doubled(group: Group): string[] {
  const seen = new Map<string, string>()
  const found: string[] = []
  for (const [memberId, { tasks, standbys = [], warmups = [] }] of group.last!.members) {
    const { processId, owned } = group.members.get(memberId)!
    // One that hands over keeps its copy open until the other has it.
    for (const task of new Map([...tasks, ...owned, ...standbys, ...warmups].map((each) => [taskVersionKey(each), each])).values()) {
      const key = `${processId} ${task.subtopology}/${task.partition}`
      if (seen.has(key)) {
        found.push(`${key}: ${seen.get(key)} and ${memberId}`)
      }
      seen.set(key, memberId)
    }
  }
  return found
}

const copySteps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('join' as const), process: fc.nat(4), zone: fc.constantFrom('a', 'b') }),
    fc.record({ type: fc.constant('leave' as const), which: fc.nat(9) }),
    fc.record({ type: fc.constant('round' as const) }),
  ),
  { minLength: 1, maxLength: 14 },
)

t.test('property: a process has of each task one thing; warm-ups keep to their number; a state that is ready never moves to a member without it; all settles with every standby in place', async () => {
  fc.assert(
    fc.property(copySteps, fc.nat(2), fc.integer({ min: 1, max: 3 }), (steps, standbys, maxWarmups) => {
      const group = new Group({ standbys, maxWarmups })
      let next = 0
      const join = (process: number, zone: string) => group.join({ ...member(`m${next++}`, [STATE], [], `p${process}`), tags: { zone } })
      join(0, 'a')
      const round = () => {
        const before = new Map(group.members)
        group.round()
        const problems = [...doubled(group), ...conflicts([...group.members.values()], group.held())]
        let warming = 0
        for (const [memberId, { tasks, warmups = [] }] of group.last!.members) {
          warming += warmups.length
          for (const task of tasks) {
            const key = taskVersionKey(task)
            const had = (m: Member) => m.owned.some((claim) => taskVersionKey(claim) === key) || m.copies.some((c) => c.partition === task.partition && c.lag <= group.policy.acceptableLag)
            const mine = before.get(memberId)!
            const sameDisk = [...before.values()].some((m) => m.processId === mine.processId && (had(m) || m.released.some((r) => taskVersionKey(r) === key)))
            if (!sameDisk && [...before.values()].some(had)) {
              problems.push(`${key} went to ${memberId}, which has no copy, although somebody is ready`)
            }
          }
        }
        if (warming > maxWarmups) {
          problems.push(`${warming} warm-ups`)
        }
        if (problems.length > 0) {
          throw new Error(problems.join('; '))
        }
      }
      for (const step of steps) {
        const ids = [...group.members.keys()]
        if (step.type === 'join') {
          join(step.process, step.zone)
        } else if (step.type === 'leave' && ids.length > 1) {
          group.leave(ids[step.which % ids.length]!)
        }
        round()
      }
      group.settle()
      round()
      const processes = new Set([...group.members.values()].map((m) => m.processId)).size
      const fed = [...group.last!.members.values()].flatMap((each) => each.standbys ?? [])
      const warming = [...group.last!.members.values()].flatMap((each) => each.warmups ?? [])
      if (warming.length > 0) {
        throw new Error('warm-ups of a settled group')
      }
      for (let partition = 0; partition < STATE.tasks; partition++) {
        const count = fed.filter((task) => task.partition === partition).length
        if (count !== Math.min(standbys, processes - 1)) {
          throw new Error(`task ${partition} has ${count} standbys, ${processes} processes`)
        }
      }
    }),
    { numRuns: 300 },
  )
})

t.test('property: the process of an active task dies: its standby runs it after one round', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.nat(20), (processes, threads, victim) => {
      const group = new Group({ standbys: 1 })
      for (let p = 0; p < processes; p++) {
        for (let thread = 0; thread < threads; thread++) {
          group.join(member(`m${p}-${thread}`, [STATE], [], `p${p}`))
        }
      }
      group.settle()
      const dead = `p${victim % processes}`
      const orphaned = [...group.members.values()].filter((m) => m.processId === dead).flatMap((m) => m.owned)
      for (const [id, { processId }] of [...group.members]) {
        if (processId === dead) {
          group.leave(id)
        }
      }
      const before = new Map(group.members)
      group.round()
      for (const task of orphaned) {
        const [heir] = [...group.held()].find(([, tasks]) => tasks.some((each) => each.partition === task.partition))!
        if (!before.get(heir)!.copies.some((copy) => copy.partition === task.partition && copy.lag === 0)) {
          throw new Error(`task ${task.partition} went to ${heir}, which had no standby`)
        }
      }
    }),
    { numRuns: 100 },
  )
})

t.test('property: standbys are evened out over processes that come later; meanwhile no task has fewer copies that have caught up', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 12 }), (first, more, standbys, tasks) => {
      const group = new Group({ standbys })
      const topology = [{ ...STATE, tasks, inputs: [{ topic: 'orders', partitions: tasks }] }]
      const wanted = Math.min(standbys, first - 1)
      for (let p = 0; p < first; p++) {
        group.join(member(`m${p}`, topology))
      }
      group.settle()
      for (let p = first; p < first + more; p++) {
        group.join(member(`m${p}`, topology))
      }
      for (let before = ''; before !== JSON.stringify([...group.members.values()]).replaceAll(/"generation":\d+/g, ''); ) {
        before = JSON.stringify([...group.members.values()]).replaceAll(/"generation":\d+/g, '')
        group.round()
        if (group.generation > 500) {
          throw new Error('it never settles')
        }
        for (let partition = 0; partition < tasks; partition++) {
          const ready = [...group.members].filter(([id, { copies }]) => group.last!.members.get(id)!.standbys!.some((task) => task.partition === partition) && copies.some((copy) => copy.partition === partition && copy.lag === 0))
          if (ready.length < wanted) {
            throw new Error(`task ${partition} has ${ready.length} copies that have caught up, not ${wanted}`)
          }
        }
      }
      group.settle()
      const has = (id: string, partition: number) => [...group.last!.members.get(id)!.standbys!, ...group.last!.members.get(id)!.tasks].some((task) => task.partition === partition)
      const counts = new Map([...group.last!.members].map(([id, each]) => [id, each.standbys!.length]))
      for (const [from, { standbys: fed }] of group.last!.members) {
        for (const [to, count] of counts) {
          const task = fed!.find(({ partition }) => !has(to, partition))
          if (counts.get(from)! - count > 1 && task !== undefined) {
            throw new Error(`standbys ${[...counts.values()].join(', ')}: task ${task.partition} could go from ${from} to ${to}`)
          }
        }
      }
    }),
    { numRuns: 60 },
  )
})

t.test('standbys go to other zones while there are any', async (t) => {
  const group = new Group({ standbys: 1, rackTags: ['zone'] })
  for (const [id, zone] of [['a', '1'], ['b', '1'], ['c', '2'], ['d', '2']] as const) {
    group.join({ ...member(id, [STATE]), tags: { zone } })
  }
  group.settle()
  for (const [id, { tasks }] of group.last!.members) {
    for (const task of tasks) {
      const [standby] = [...group.last!.members].find(([, { standbys }]) => standbys!.some((each) => each.partition === task.partition))!
      t.not(group.members.get(standby)!.tags!['zone'], group.members.get(id)!.tags!['zone'])
    }
  }
})

t.test('of members without a ready copy the one with a database on its disk gets the task, or the warm-up', async (t) => {
  const resting = [1, 3].map((partition) => ({ subtopology: 'orders', partition, lag: Number.MAX_SAFE_INTEGER, open: false }))
  const back = { ...member('b', [ORDERS]), copies: resting }
  const fresh = assign([member('a', [ORDERS]), back])
  t.same(fresh.members.get('b')!.tasks.map(({ partition }) => partition).sort(), [1, 3], 'of tasks nobody runs')
  const owned = [0, 1, 2, 3].map((partition) => ({ subtopology: 'orders', fingerprint: 'f1', partition, generation: 1, size: SIZE }))
  const warming = assign([member('a', [ORDERS], owned), back])
  t.same(warming.members.get('b')!.warmups!.map(({ partition }) => partition).sort(), [1, 3], 'of tasks another one runs')
})

t.test('what a leaving member has goes to the others, each state once a copy of it has caught up; nothing comes to it', async (t) => {
  const group = new Group({ maxWarmups: 2 })
  for (const id of ['a', 'b', 'c']) {
    group.join(member(id, [ORDERS]))
  }
  group.settle()
  const leaving = group.last!.members.get('a')!.tasks
  t.ok(leaving.length > 0)
  group.join({ ...group.members.get('a')!, leaving: true, feeds: false })
  group.round()
  t.same(group.last!.members.get('a')!.tasks, leaving, 'it keeps them while nobody else is ready')
  t.equal(group.last!.members.get('a')!.awaited, leaving.length)
  group.settle()
  t.match(group.last!.members.get('a'), { tasks: [], standbys: [], warmups: [], awaited: undefined }, 'nothing is left to wait for')
  t.same([...group.held()].flatMap(([, tasks]) => tasks.map(({ partition }) => partition)).toSorted(), [0, 1, 2, 3])

  const alone = assign([{ ...member('a', [ORDERS], leaving.map((task) => ({ ...task, generation: 1, size: SIZE }))), leaving: true }])
  t.equal(alone.members.get('a')!.tasks.length, 4, 'where all are leaving they go on with what there is')
  t.equal(alone.members.get('a')!.awaited, undefined, 'and nobody is waited for')
})

t.test('a small state, and one of a build that says nothing of sizes, moves without a warm-up', async (t) => {
  for (const size of [100, undefined]) {
    const owned = [0, 1, 2, 3].map((partition) => ({ subtopology: 'orders', fingerprint: 'f1', partition, generation: 1, ...(size === undefined ? {} : { size }) }))
    const result = assign([member('a', [ORDERS], owned), member('b', [ORDERS])])
    t.equal(result.waiting.length, 2)
    t.same(result.members.get('b')!.warmups, [])
  }
})

t.test('a hundred processes of five threads, 2,000 tasks with standbys: assigned in time, and the record of the group fits the broker (C6)', async (t) => {
  const topology = Array.from({ length: 10 }, (_, i) => subtopology(`subtopology-${i}`, `fingerprint-${i}`.padEnd(32, 'f'), [`a-topic-${i}`, `app-repartition-${i}`], 200, [`app-store-${i}-changelog`]))
  const group = new Group({ standbys: 1 })
  for (let i = 0; i < 500; i++) {
    const processId = createHash('sha256').update(`${Math.floor(i / 5)}`).digest('hex').slice(0, 36)
    const transactionalId = `application-${processId}-${i % 5}-${createHash('sha256').update(`t${i}`).digest('hex').slice(0, 12)}`
    const memberId = `application-${i % 5}-${createHash('sha256').update(`m${i}`).digest('hex').slice(0, 36)}`
    group.join({ ...member(memberId, topology, [], processId), transactionalId, endpoint: { host: `host-${Math.floor(i / 5)}.example.internal`, port: 7000 } })
  }
  group.round()
  group.round()
  const started = performance.now()
  group.round()
  const took = performance.now() - started
  const descriptions = mergeDescriptions([...group.members.values()])
  const topics = topology.flatMap((s) => s.inputs.map((input) => input.topic))
  let bytes = 0
  for (const each of group.members.values()) {
    bytes += encodeSubscription(each, topics).length + encodeAssignment(group.last!.members.get(each.memberId)!, descriptions).length
  }
  t.comment(`${took.toFixed(0)} ms, ${bytes} bytes`)
  // The broker's default for the largest message (message.max.bytes) is 1 MiB.
  t.ok(bytes < 1_000_000)
  t.ok(took < 20_000, 'far from the session time-out, also on a busy machine')
})

t.test('500 members and 2,000 tasks: assigned within the time a rebalance has', async (t) => {
  const topology = [subtopology('x', '1', ['x'], 1_000, ['x-log']), subtopology('y', '1', ['y'], 1_000)]
  const group = new Group()
  for (let i = 0; i < 500; i++) {
    group.join(member(`m${i}`, topology, [], `p${i % 100}`))
  }
  const started = performance.now()
  t.equal(group.round(), 0)
  const took = performance.now() - started
  t.comment(`${took.toFixed(0)} ms`)
  t.equal([...group.held().values()].flat().length, 2_000)
  t.ok(took < 20_000, 'far from the session time-out, also on a busy machine')
})

t.test('a member that stops the application has no task, and everybody hears of it', async (t) => {
  const stopping: Member = { memberId: 'z', processId: 'p', thread: -1, subtopologies: [], owned: [], released: [], copies: [], leaving: true, stop: 'PROCESSING_FAILED' }
  const { members } = assign([member('a', [ORDERS]), member('b', [ORDERS]), stopping])
  t.same([...members.values()].map(({ stop }) => stop), ['PROCESSING_FAILED', 'PROCESSING_FAILED', 'PROCESSING_FAILED'])
  t.same(members.get('z')!.tasks, [])
  t.equal(members.get('a')!.tasks.length + members.get('b')!.tasks.length, 4)
  t.equal('stop' in assign([member('a', [ORDERS])]).members.get('a')!, false)
})

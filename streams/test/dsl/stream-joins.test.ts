/**
 * Joins of two streams. Inputs and results are those of Kafka Streams' StreamStreamJoinIntegrationTest,
 * KStreamKStream{Left,Outer}JoinTest and documentation, or recorded from its 4.3.1, unless a test says why not.
 */
import t from 'tap'
import { buildTopology, JoinWindows, type KStream, Serdes, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './join-input.ts'

type Join = 'join' | 'leftJoin' | 'outerJoin'
type Step = readonly [side: 'L' | 'R', key: string | null, value: string | null, timestamp: number]

const within = (difference: number, grace = 0) => JoinWindows.ofTimeDifferenceAndGrace(difference, grace)

function joined(b: StreamsBuilder, join: Join, windows: JoinWindows, separator = '+'): KStream<string, string> {
  const left = b.stream('L', strings)
  const right = b.stream('R', strings)
  const joiner = (l: string | null, r: string | null) => `${l}${separator}${r}`
  const options = { name: 'j', value: string }
  switch (join) {
    case 'join':
      return left.join(right, joiner, windows, options)
    case 'leftJoin':
      return left.leftJoin(right, joiner, windows, options)
    case 'outerJoin':
      return left.outerJoin(right, joiner, windows, options)
  }
}

/** What came out after each step, as `key value@timestamp`. */
function steps(topology: (b: StreamsBuilder) => void, input: readonly Step[], read = false): string[][] {
  const driver = new TopologyTestDriver(topology)
  const topics = { L: driver.createInputTopic('L', string, string), R: driver.createInputTopic('R', string, string) }
  const out = driver.createOutputTopic('out', string, string)
  const found = input.map(([side, key, value, timestamp]) => {
    topics[side].pipeInput(key, value, timestamp)
    return out.readRecordsToList().map((record) => `${read ? '' : `${record.key} `}${record.value}@${record.timestamp}`)
  })
  driver.close()
  return found
}
const run = (join: Join, windows: JoinWindows, input: readonly Step[]) => steps((b) => joined(b, join, windows).to('out'), input)

t.test('the shared input, in order, in a window of 10 s with 24 h of grace', async (t) => {
  const input: readonly Step[] = [
    ['L', 'k', null, 1],
    ['R', 'k', null, 2],
    ['L', 'k', 'A', 3],
    ['R', 'k', 'a', 4],
    ['L', 'k', 'B', 5],
    ['R', 'k', 'b', 6],
    ['L', 'k', null, 7],
    ['R', 'k', null, 8],
    ['L', 'k', 'C', 9],
    ['R', 'k', 'c', 10],
    ['R', 'k', null, 11],
    ['L', 'k', null, 12],
    ['R', 'k', null, 13],
    ['R', 'k', 'd', 14],
    ['L', 'k', 'D', 15],
    ['L', null, 'E', 16],
    ['R', null, 'e', 17],
  ]
  const inner = [
    [],
    [],
    [],
    ['A-a@4'],
    ['B-a@5'],
    ['A-b@6', 'B-b@6'],
    [],
    [],
    ['C-a@9', 'C-b@9'],
    ['A-c@10', 'B-c@10', 'C-c@10'],
    [],
    [],
    [],
    ['A-d@14', 'B-d@14', 'C-d@14'],
    ['D-a@15', 'D-b@15', 'D-c@15', 'D-d@15'],
  ]
  const windows = JoinWindows.ofTimeDifferenceAndGrace('10s', '24h')
  const values = (join: Join) => steps((b) => joined(b, join, windows, '-').to('out'), input, true)
  t.same(values('join'), [...inner, [], []])
  t.same(values('leftJoin'), [...inner, ['E-null@16'], []])
  t.same(values('outerJoin'), [...inner, ['E-null@16'], ['null-e@17']])
})

t.test('a left join waits for window and grace', async (t) => {
  t.same(
    run('leftJoin', within(100, 10), [
      ['L', '0', 'A0', 0],
      ['L', '1', 'A1', 0],
      ['R', '0', 'a', 101],
      ['R', '3', 'a', 101],
      ['R', '0', 'dummy', 1201],
    ]),
    [[], [], [], [], ['0 A0+null@0', '1 A1+null@0']]
  )
})

t.test('a closed window is told before what the same record joins', async (t) => {
  t.same(
    run('leftJoin', within(100), [
      ['L', '0', 'A0', 0],
      ['L', '1', 'A1', 100],
      ['R', '1', 'a1', 110],
    ]),
    [[], [], ['0 A0+null@0', '1 A1+a1@110']]
  )
})

t.test('duplicates of a left join: each has its result, all of a time and key are taken back together', async (t) => {
  t.same(
    run('leftJoin', within(100), [
      ['L', '0', 'A0', 0],
      ['L', '0', 'A0-0', 0],
      ['R', '1', 'a0', 111],
      ['R', '2', 'dummy', 500],
      ['L', '2', 'A2', 1000],
      ['L', '2', 'A2-0', 1000],
      ['R', '2', 'a2', 1001],
      ['R', '3', 'dummy', 1500],
    ]),
    [[], [], ['0 A0+null@0', '0 A0-0+null@0'], [], [], [], ['2 A2+a2@1001', '2 A2-0+a2@1001'], []]
  )
})

t.test('duplicates of an outer join: the right side first at equal times', async (t) => {
  t.same(
    run('outerJoin', within(100), [
      ['L', '0', 'A0', 0],
      ['L', '0', 'A0-0', 0],
      ['R', '1', 'a1', 0],
      ['R', '1', 'a1-0', 0],
      ['R', '3', 'dummy', 211],
    ]),
    [[], [], [], [], ['1 null+a1@0', '1 null+a1-0@0', '0 A0+null@0', '0 A0-0+null@0']]
  )
})

t.test('the table of the documentation, 15 s and 5 s of grace', async (t) => {
  const input: readonly Step[] = [
    ['L', 'k', 'E', 40_000],
    ['L', 'k', 'F', 60_001],
    ['R', 'k', 'f', 100_000],
    ['L', 'x', 'x', 120_001],
  ]
  const windows = JoinWindows.ofTimeDifferenceAndGrace('15s', '5s')
  t.same(run('outerJoin', windows, input), [[], ['k E+null@40000'], ['k F+null@60001'], ['k null+f@100000']])
})

t.test('records without partner are told when their window has closed, not when the last one of them has', async (t) => {
  // Kafka Streams 4.3.1 tells b only at 146: it remembers the newest record it has looked at as the oldest that waits.
  t.same(
    run('leftJoin', within(95), [
      ['L', 'a', 'A0', 0],
      ['L', 'b', 'A1', 10],
      ['L', 'c', 'A2', 50],
      ['R', 'x', 'x', 100],
      ['R', 'x', 'x', 105],
      ['R', 'x', 'x', 106],
      ['R', 'x', 'x', 145],
      ['R', 'x', 'x', 146],
    ]),
    [[], [], [], ['a A0+null@0'], [], ['b A1+null@10'], [], ['c A2+null@50']]
  )
})

t.test('a left record that comes late but within grace is joined once (KAFKA-19536)', async (t) => {
  // Kafka Streams 4.3.1 says `late+null` at once and then `late+r`.
  t.same(
    run('leftJoin', within(10, 100), [
      ['L', 'a', 'A0', 100],
      ['L', 'b', 'late', 80],
      ['R', 'b', 'r', 85],
      ['L', 'c', 'alone', 80],
      ['L', 'c', 'x', 300],
    ]),
    [[], [], ['b late+r@85'], [], ['c alone+null@80', 'a A0+null@100']]
  )
})

t.test('a record later than its grace is told at once, and kept from results it could still have', async (t) => {
  t.same(
    run('leftJoin', within(10), [
      ['L', 'a', 'now', 100],
      ['L', 'b', 'late', 50],
      ['R', 'b', 'r', 55],
    ]),
    [[], ['b late+null@50'], []]
  )
})

t.test('windows that are not symmetric: each side closes by its own end', async (t) => {
  t.same(
    run('outerJoin', within(100).before(10), [
      ['L', 'a', 'A', 0],
      ['R', 'b', 'B', 0],
      ['R', 'c', 'C', 20],
      ['L', 'd', 'D', 40],
      ['R', 'e', 'E', 150],
    ]),
    [[], [], ['b null+B@0'], ['c null+C@20'], ['a A+null@0', 'd D+null@40']],
    'recorded from 4.3.1 but for c, which it tells with d'
  )
  t.same(
    run('join', within(0).before(50).after(-20), [
      ['R', 'k', 'r', 100],
      ['L', 'k', 'at 119', 119],
      ['L', 'k', 'at 120', 120],
      ['L', 'k', 'at 150', 150],
      ['L', 'k', 'at 151', 151],
    ]),
    [[], [], ['k at 120+r@120'], ['k at 150+r@150'], []]
  )
})

t.test('a partner at the very end of its window is found', async (t) => {
  // Kafka Streams 4.3.1 finds none of these: it keeps records a millisecond less than windows last that begin at them.
  t.same(
    run('join', within(100).before(0), [
      ['L', 'a', 'A', 0],
      ['L', 'b', 'B', 100],
      ['R', 'a', 'r', 100],
    ]),
    [[], [], ['a A+r@100']]
  )
  t.same(run('join', within(0), [['L', 'a', 'A', 5], ['R', 'a', 'r', 5], ['R', 'a', 'r2', 5]]), [[], ['a A+r@5'], ['a A+r2@5']])
  t.same(
    run('join', within(100).before(-50), [
      ['L', 'a', 'A', 0],
      ['L', 'b', 'B', 70],
      ['R', 'a', 'r', 100],
      ['R', 'a', 'r', 50],
      ['R', 'a', 'r', 49],
    ]),
    [[], [], ['a A+r@100'], ['a A+r@50'], []]
  )
})

t.test('a stream joined with itself: one store, the results of two', async (t) => {
  const topology = (b: StreamsBuilder) => {
    const stream = b.stream('L', strings)
    b.stream('R', strings)
      .filter(() => false)
      .to('unused')
    stream.join(stream, (l, r) => `${l}+${r}`, within(100), { name: 'j', value: string }).to('out')
  }
  t.same(
    steps(
      topology,
      [
        ['L', 'a', 'A', 0],
        ['L', 'a', 'B', 50],
        ['L', 'a', 'B2', 50],
        ['L', 'a', 'C', 20],
        ['L', 'a', 'D', 300],
        ['L', 'a', 'E', 201],
        ['L', 'a', 'F', 200],
        ['L', 'a', 'G', 100],
        ['L', 'a', null, 100],
        ['L', null, 'H', 100],
      ],
      true
    ),
    [
      ['A+A@0'],
      ['B+A@50', 'A+B@50', 'B+B@50'],
      ['B2+A@50', 'B2+B@50', 'A+B2@50', 'B+B2@50', 'B2+B2@50'],
      ['C+A@20', 'C+B@50', 'C+B2@50', 'A+C@20', 'C+C@20', 'B+C@50', 'B2+C@50'],
      ['D+D@300'],
      ['E+D@300', 'E+E@201', 'D+E@300'],
      ['F+E@201', 'F+D@300', 'F+F@200', 'E+F@201', 'D+F@300'],
      ['G+F@200', 'F+G@200'],
      [],
      [],
    ]
  )
  const { stores } = buildTopology(topology, { applicationId: 'app' }).subtopologies[0]!
  t.same(
    stores.map(({ name }) => name),
    ['j-this-join-store']
  )
})

t.test('a join of two branches of one topic is the same as with itself', async (t) => {
  const joiner = (l: string, r: string) => `${l}+${r}`
  const input: readonly Step[] = [
    ['L', 'a', 'A', 0],
    ['L', 'a', 'B', 50],
    ['L', 'a', 'C', 20],
    ['L', 'a', 'D', 119],
    ['L', 'a', 'E', 19],
    ['L', 'a', 'F', 500],
    ['L', 'a', null, 520],
    ['L', 'a', 'G', 320],
    ['L', 'a', 'G', 321],
    ['L', 'a', 'G', 300],
    ['L', 'a', 'H', 301],
  ]
  const itself = (b: StreamsBuilder) => {
    const stream = b.stream('L', strings)
    b.stream('R', strings).to('unused')
    return { left: stream, right: stream }
  }
  const branches = (b: StreamsBuilder) => {
    const { right } = itself(b)
    return { left: right.filter(() => true), right }
  }
  const results = (streams: typeof itself) =>
    steps((b) => {
      const { left, right } = streams(b)
      left.join(right, joiner, within(100), { name: 'j', value: string }).to('out')
    }, input)
  t.same(results(itself), results(branches))
})

t.test('the bytes of the changelogs are those of Kafka Streams 4.3.1, but for where it begins to count', async (t) => {
  const driver = new TopologyTestDriver((b) => joined(b, 'outerJoin', within(100, 10)).to('out'), { applicationId: 'app' })
  const left = driver.createInputTopic('L', string, string)
  const right = driver.createInputTopic('R', string, string)
  left.pipeInput('a', 'A', 0)
  right.pipeInput('a', 'r', 101)
  left.pipeInput('b', 'l', 101)
  left.pipeInput('a', 'A2', 0)
  right.pipeInput('z', 'z', 300)
  const hex = (bytes: Uint8Array | null) => (bytes === null ? 'null' : Buffer.from(bytes).toString('hex'))
  const read = (store: string) =>
    driver
      .createOutputTopic(`app-${store}-changelog`, Serdes.bytes(), Serdes.bytes())
      .readRecordsToList()
      .map(({ key, value, timestamp }) => `${hex(key)} ${hex(value)} @${timestamp}`)
  t.same(read('j-outer-this-join-store'), [
    '61000000000000000000000000 41 @0',
    '62000000000000006500000001 6c @101',
    '61000000000000000000000002 4132 @0',
  ])
  t.same(read('j-outer-shared-join-store'), [
    '00000000000000000161 0100000001000000020141 @0',
    '00000000000000650061 0100000001000000020072 @101',
    '00000000000000650162 010000000100000002016c @101',
    '00000000000000000161 01000000020000000201410000000301' + '4132 @0',
    '00000000000000000161 null @300',
    '00000000000000650061 null @300',
    '00000000000000650162 null @300',
    '000000000000012c007a 010000000100000002007a @300',
  ])
  await driver.close()
})

t.test('null keys: a left join keeps those of the left, through repartitions too; an inner join none', async (t) => {
  const changed = (join: Join) =>
    steps((b) => {
      const left = b.stream('L', strings).selectKey((key) => key)
      const right = b.stream('R', strings).selectKey((key) => key)
      const joiner = (l: string | null, r: string | null) => `${l}+${r}`
      const options = { name: 'j', value: string, input: strings, other: strings }
      const windows = within(10)
      const all =
        join === 'join'
          ? left.join(right, joiner, windows, options)
          : join === 'leftJoin'
            ? left.leftJoin(right, joiner, windows, options)
            : left.outerJoin(right, joiner, windows, options)
      all.to('out')
    }, [
      ['L', null, 'l', 1],
      ['R', null, 'r', 2],
      ['L', 'k', 'a', 3],
      ['R', 'k', 'b', 4],
    ])
  t.same(changed('join'), [[], [], [], ['k a+b@4']])
  t.same(changed('leftJoin'), [['null l+null@1'], [], [], ['k a+b@4']])
  t.same(changed('outerJoin'), [['null l+null@1'], ['null null+r@2'], [], ['k a+b@4']])
})

t.test('keys that were changed are repartitioned, each side under its own name', async (t) => {
  const topology = buildTopology(
    (b) => {
      const byValue = (topic: string) => b.stream(topic, strings).selectKey((_key, value) => value.slice(0, 1), { key: string })
      byValue('L')
        .join(byValue('R'), (l, r) => l + r, within(10), { name: 'j', value: string })
        .to('out')
    },
    { applicationId: 'app' }
  )
  const last = topology.subtopologies.at(-1)!
  t.same(last.copartitionGroups, [['app-j-left-repartition', 'app-j-right-repartition']])
  const driver = new TopologyTestDriver(topology, { partitions: 3 })
  driver.createInputTopic('L', string, string).pipeInput('1', 'apple', 1)
  driver.createInputTopic('R', string, string).pipeInput('2', 'ant', 2)
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [['a', 'appleant']])
  await driver.close()
})

t.test('headers: a joined record has those of the one that came last, one without partner none', async (t) => {
  const driver = new TopologyTestDriver((b) => joined(b, 'leftJoin', within(10)).to('out'))
  const header = (value: string) => [{ key: 'h', value: Buffer.from(value) }]
  driver.createInputTopic('L', string, string).pipeInput('a', 'A', 1, header('A'))
  driver.createInputTopic('L', string, string).pipeInput('b', 'B', 2, header('B'))
  driver.createInputTopic('R', string, string).pipeInput('a', 'r', 3, header('r'))
  driver.createInputTopic('R', string, string).pipeInput('c', 'x', 30, header('x'))
  const found = driver
    .createOutputTopic('out', string, string)
    .readRecordsToList()
    .map(({ value, headers }) => [value, headers.map((h) => Buffer.from(h.value!).toString())])
  t.same(found, [
    ['A+r', ['r']],
    ['B+null', []],
  ])
  await driver.close()
})

t.test('a joiner that throws for a record which waited strikes that one, not the record that closed its window', async (t) => {
  for (const processing of ['skip', 'dead-letter'] as const) {
    const driver = new TopologyTestDriver((b) => {
      b.stream('L', strings)
        .outerJoin(
          b.stream('R', strings),
          (l, r) => {
            if (l === 'poison') {
              throw new Error('cannot be joined')
            }
            return `${l}+${r}`
          },
          within(10),
          { name: 'j', value: string, onError: { processing } }
        )
        .to('out')
    })
    const left = driver.createInputTopic('L', string, string)
    left.pipeInput('a', 'A', 0)
    left.pipeInput('b', 'poison', 1)
    left.pipeInput('c', 'C', 2)
    left.pipeInput('d', 'D', 100)
    driver.createInputTopic('R', string, string).pipeInput('d', 'd', 101)
    left.pipeInput('e', 'E', 300)
    t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['A+null', 'C+null', 'D+d'], processing)
    t.equal(driver.deadLetters().length, processing === 'dead-letter' ? 1 : 0)
    await driver.close()
  }
})

t.test('an abort, a crash, a lost disk: what waited still gets its result, and what was late is still late', async (t) => {
  const input: readonly Step[] = [
    ['L', 'a', 'A', 0],
    ['L', 'b', 'B', 10],
    ['R', 'b', 'b', 20],
    ['L', 'c', 'C', 200],
    ['R', 'd', 'D', 210],
    ['L', 'late', 'x', 50],
    ['R', 'c', 'c', 250],
    ['L', 'e', 'E', 400],
    ['R', 'f', 'F', 1000],
  ]
  const undisturbed = run('outerJoin', within(100, 10), input).flat()
  t.same(undisturbed, ['b B+b@20', 'a A+null@0', 'late x+null@50', 'c C+c@250', 'd null+D@210', 'e E+null@400'])
  for (const disturb of ['abort', 'restart', 'restore'] as const) {
    for (const commitEvery of [1, 2, 3]) {
      const driver = new TopologyTestDriver((b) => joined(b, 'outerJoin', within(100, 10)).to('out'), { commitEvery })
      const topics = { L: driver.createInputTopic('L', string, string), R: driver.createInputTopic('R', string, string) }
      for (const [side, key, value, timestamp] of input) {
        topics[side].pipeInput(key, value, timestamp)
        driver[disturb]()
      }
      driver.commit()
      const found = driver
        .createOutputTopic('out', string, string)
        .readRecordsToList()
        .map(({ key, value, timestamp }) => `${key} ${value}@${timestamp}`)
      t.same(found.sort(), [...undisturbed].sort(), `${disturb} every record, a commit every ${commitEvery}`)
      await driver.close()
    }
  }
})

t.test('a call that is still pending keeps the window open for its result', async (t) => {
  let settle: (value: string) => void = () => undefined
  const driver = new TopologyTestDriver((b) => {
    const slow = b.stream('R', strings).mapAsync(
      (value) =>
        value === 'slow'
          ? new Promise<string>((resolve) => {
              settle = resolve
            })
          : Promise.resolve(value),
      { name: 'slow', value: string, timeout: '1h' }
    )
    b.stream('L', strings)
      .leftJoin(slow, (l, r) => `${l}+${r}`, within(10), { name: 'j', value: string })
      .to('out')
  })
  const out = driver.createOutputTopic('out', string, string)
  driver.createInputTopic('L', string, string).pipeInput('a', 'A', 1)
  driver.createInputTopic('R', string, string).pipeInput('a', 'slow', 2)
  driver.createInputTopic('L', string, string).pipeInput('b', 'B', 500)
  await driver.tick()
  t.same(out.readValuesToList(), [], 'the left record still waits, though time has passed on')
  settle('done')
  await driver.tick()
  await driver.settle()
  driver.createInputTopic('L', string, string).pipeInput('c', 'C', 1000)
  t.same(out.readValuesToList(), ['A+done', 'B+null'])
  await driver.close()
})

t.test('described with the names Kafka Streams makes of a StreamJoined', async (t) => {
  const topology = buildTopology((b) => joined(b, 'outerJoin', within(100)).to('out'), { applicationId: 'app' })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: L/source (topics: [L])
      --> j-this-windowed
    Source: R/source (topics: [R])
      --> j-other-windowed
    Processor: j-other-windowed (stores: [j-outer-other-join-store])
      --> j-outer-other-join
      <-- R/source
    Processor: j-this-windowed (stores: [j-outer-this-join-store])
      --> j-outer-this-join
      <-- L/source
    Processor: j-outer-other-join (stores: [j-outer-shared-join-store, j-outer-this-join-store])
      --> j-merge
      <-- j-other-windowed
    Processor: j-outer-this-join (stores: [j-outer-other-join-store, j-outer-shared-join-store])
      --> j-merge
      <-- j-this-windowed
    Processor: j-merge (stores: [])
      --> j/to
      <-- j-outer-other-join, j-outer-this-join
    Sink: j/to (topic: out)
      <-- j-merge

`
  )
  const changelogs = topology.subtopologies[0]!.internalTopics
  t.equal(changelogs.find(({ name }) => name === 'app-j-outer-this-join-store-changelog')!.config['retention.ms'], String(200 + 86_400_000))
})

t.test('misuses', async (t) => {
  const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })
  const plus = (l: string | null, r: string | null) => `${l}+${r}`
  t.throws(() => build((b) => void b.stream('L', strings).join(b.stream('R', strings), plus, within(1), {} as never)), {
    code: 'NAME_REQUIRED',
    message: /join behind 'L' keeps records in window stores and must be named: name: 'l-join'/,
  })
  t.throws(() => build((b) => void b.stream('L', strings).join(b.stream('R', strings), plus, { name: 'j' } as never, {} as never)), {
    code: 'TOPOLOGY_INVALID',
    message: /needs windows: JoinWindows/,
  })
  t.throws(() => build((b) => void b.stream('L', strings).outerJoin(b.table('R', strings) as never, plus, within(1), { name: 'j' })), {
    code: 'TOPOLOGY_INVALID',
    message: /outerJoin behind 'L' takes a KStream/,
  })
  t.throws(
    () =>
      build((b) => {
        const left = b.stream('L', strings).mapValues((value) => value)
        left.join(b.stream('R', strings), plus, within(1), { name: 'j' })
      }),
    { code: 'SERDE_MISSING', message: /join 'j' has no input.value serde/ }
  )
  t.throws(() => within(1, -1), { code: 'CONFIG_INVALID', message: /The grace of JoinWindows is -1/ })
  t.throws(() => within(5).before('-10ms'), { code: 'CONFIG_INVALID', message: /end before they begin/ })
  t.equal(within(5).before('-2ms').beforeMs, -2)
})

import t from 'tap'
import { buildTopology, Serdes, type StreamsBuilder } from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const fingerprints = (topology: (b: StreamsBuilder) => void) =>
  Object.fromEntries(buildTopology(topology, { applicationId: 'app' }).subtopologies.map(({ name, fingerprint }) => [name, fingerprint]))

const base = (b: StreamsBuilder) => {
  const table = b.table('t', strings)
  b.stream('s', strings)
    .join(table, (left, right) => left + right, { value: Serdes.string() })
    .groupByKey()
    .count({ name: 'n' })
    .toStream()
    .to('out')
}

t.test('is the same for the same topology, however it is written', async (t) => {
  t.same(fingerprints(base), fingerprints(base))
  t.match(fingerprints(base)['s'], /^[0-9a-f]{64}$/)
  const otherOrder = (b: StreamsBuilder) => {
    const stream = b.stream('s', strings)
    stream
      .join(b.table('t', strings), (left, right) => left + right, { value: Serdes.string() })
      .groupByKey()
      .count({ name: 'n' })
      .toStream()
      .to('out')
  }
  t.same(fingerprints(otherOrder), fingerprints(base))
})

t.test('stateless operators and their names do not count', async (t) => {
  const edited = (b: StreamsBuilder) => {
    const table = b.table('t', strings)
    b.stream('s', strings)
      .filter(() => true, { name: 'only-good-ones' })
      .peek(() => undefined)
      .join(table, (left, right) => right + left, { value: Serdes.string() })
      .groupByKey()
      .count({ name: 'n' })
      .toStream()
      .mapValues((count) => count, { value: Serdes.long() })
      .to('out')
  }
  t.same(fingerprints(edited), fingerprints(base))
})

t.test('what is read, kept, awaited and written counts', async (t) => {
  const before = fingerprints(base)['s']
  const changes: { [what: string]: (b: StreamsBuilder) => void } = {
    'a source more': (b) => {
      base(b)
      b.stream('more', strings).join(b.stream('x', strings).toTable({ name: 'xs' }), (left, right) => left + right)
    },
    'another sink': (b) => {
      b.stream('s', strings)
        .join(b.table('t', strings), (left, right) => left + right, { value: Serdes.string() })
        .groupByKey()
        .count({ name: 'n' })
        .toStream()
        .to('elsewhere')
    },
    'another store': (b) => {
      b.stream('s', strings)
        .join(b.table('t', strings), (left, right) => left + right, { value: Serdes.string() })
        .groupByKey()
        .count({ name: 'm' })
        .toStream()
        .to('out')
    },
    'a call': (b) => {
      b.stream('s', strings)
        .mapAsync(async (value) => value, { name: 'call', value: Serdes.string() })
        .join(b.table('t', strings), (left, right) => left + right, { value: Serdes.string() })
        .groupByKey()
        .count({ name: 'n' })
        .toStream()
        .to('out')
    },
  }
  for (const [what, changed] of Object.entries(changes)) {
    if (what === 'a source more') {
      t.equal(fingerprints(changed)['s'], before, 'of another subtopology')
      t.not(fingerprints(changed)['more'], before)
    } else {
      t.not(fingerprints(changed)['s'], before, what)
    }
  }
})

/** Our side: builds the topology a case describes, with the public DSL. */
import type { CogroupedKStream, GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, Serde, StreamsBuilder, Windowed } from 'millrace'
import { BufferConfig, EmitStrategy, JoinWindows, Serdes, SessionWindows, SlidingWindows, Suppressed, TimeWindows } from 'millrace'
import { type Allowance, type Case, childName, isLong, nameOf, type Operator } from './case.ts'
import * as functions from './functions.ts'
import { applyKey, copies, holds, text } from './functions.ts'
import { CaseProcessor, CaseTransformer, processorStore, stateName } from './processors.ts'

export type Value = string | number
type Stream = KStream<string | null, Value | null>
type Table = KTable<string, Value>
type WindowedTable = KTable<Windowed<string>, Value>
type Global = GlobalKTable<string, Value>
type Grouped = KGroupedStream<string, Value>

/** Text, of which the name of an input topic may say that some cannot be read. */
const reader: Serde<string> = {
  ...Serdes.string(),
  deserialize(topic, bytes) {
    const found = Buffer.from(bytes).toString()
    if (topic.endsWith(`-refuses-${found}`)) {
      throw new Error('refused on purpose')
    }
    return found
  },
}
const string = reader as Serde<Value>
const strings: { readonly key: Serde<string>; readonly value: Serde<Value> } = { key: reader, value: string }
const START = '0'

// Text that stands where a count may stand, too.
const applyValue: (...of: Parameters<typeof functions.applyValue>) => Value | null = functions.applyValue
const combine: (...of: Parameters<typeof functions.combine>) => Value | null = functions.combine

function serdeOf(operators: readonly Operator[], position: number): Serde<Value> {
  return isLong(operators, position) ? (Serdes.long() as Serde<Value>) : string
}

/** Everything a case describes; what is written goes to `out-<position>`. */
export function describe({ operators, allowances = [] }: Case, b: StreamsBuilder): void {
  const withValues = (from: Stream, allowance: Allowance): Stream => (allowances.includes(allowance) ? (from.filter((_, v) => v !== null) as Stream) : from)
  const sides = new Map<number, Stream>()
  // One filter for both sides, or a stream could not be joined with itself.
  const side = (position: number): Stream => {
    const known = sides.get(position) ?? withValues(stream(position), 'no-null-values-in-joins')
    sides.set(position, known)
    return known
  }
  const streams = new Map<number, Stream>()
  const tables = new Map<number, Table>()
  const globals = new Map<number, Global>()
  const windowed = new Map<number, WindowedTable>()
  const splits = new Map<number, { readonly [branch: string]: Stream }>()
  const stream = (position: number) => streams.get(position)!
  const table = (position: number) => tables.get(position)!
  const windowedTable = (position: number) => windowed.get(position)!

  operators.forEach((it, position) => {
    const name = nameOf(position)
    const value = serdeOf(operators, position)
    const history = 'history' in it ? { historyRetention: it.history } : {}
    const store = 'stored' in it && it.stored ? { name, ...history } : undefined
    switch (it.op) {
      case 'stream':
        streams.set(position, b.stream<string, Value>(it.topics, strings) as Stream)
        break
      case 'table':
        tables.set(position, b.table<string, Value>(it.topic, { ...strings, name, ...history }))
        break
      case 'globalTable':
        globals.set(position, b.globalTable<string, Value>(it.topic, { ...strings, name }))
        break
      case 'filter':
        streams.set(position, stream(it.of).filter((k, v) => holds(it.when, k, v)))
        break
      case 'filterNot':
        streams.set(position, stream(it.of).filterNot((k, v) => holds(it.when, k, v)))
        break
      case 'map':
        streams.set(position, stream(it.of).map((k, v) => [applyKey(it.key, k, v), applyValue(it.value, k, v)], strings))
        break
      case 'mapValues':
        streams.set(position, stream(it.of).mapValues((v, k) => applyValue(it.value, k, v), { value }))
        break
      case 'flatMap':
        streams.set(
          position,
          stream(it.of).flatMap((k, v) => times(it.mod, v, (copy) => [applyKey(it.key, k, copy + text(v)), numbered(applyValue(it.value, k, v), copy)]), strings)
        )
        break
      case 'flatMapValues':
        streams.set(position, stream(it.of).flatMapValues((v, k) => times(it.mod, v, (copy) => numbered(applyValue(it.value, k, v), copy)), { value }))
        break
      case 'selectKey':
        streams.set(position, stream(it.of).selectKey((k, v) => applyKey(it.key, k, v), { key: reader }))
        break
      case 'merge':
        streams.set(position, stream(it.of).merge(stream(it.with)))
        break
      case 'split':
        splits.set(position, splitInto(stream(it.of), it))
        break
      case 'branch':
        streams.set(position, splits.get(it.of)![`b${it.index}`]!)
        break
      case 'repartition':
        streams.set(position, stream(it.of).repartition({ name }))
        break
      case 'toTable':
        tables.set(position, stream(it.of).toTable({ name, ...history }) as Table)
        break
      case 'toStream':
        streams.set(position, table(it.of).toStream() as Stream)
        break
      case 'count':
        tables.set(position, grouped(stream(it.of), it, name).count({ name, ...history }) as Table)
        break
      case 'reduce':
        tables.set(position, grouped(stream(it.of), it, name).reduce((a, v) => combine(it.add, null, a, v), { name, ...history }))
        break
      case 'aggregate':
        tables.set(position, grouped(stream(it.of), it, name).aggregate<Value>(() => START, (k, v, a) => combine(it.add, k, a, v), { name, value, ...history }))
        break
      case 'cogroup': {
        const one = stream(it.of).groupByKey({ name: `${name}-one` })
        const two = stream(it.with).groupByKey({ name: `${name}-two` })
        const cogrouped = one.cogroup<Value>((k, v, a) => combine(it.add, k, a, v)).cogroup(two, (k, v, a) => combine(it.other, k, a, v))
        tables.set(position, cogrouped.aggregate(() => START, { name, value, ...history }))
        break
      }
      case 'tableCount':
        tables.set(position, groupedTable(table(it.of), it, name).count({ name, ...history }) as Table)
        break
      case 'tableReduce':
        tables.set(
          position,
          groupedTable(table(it.of), it, name).reduce((a, v) => combine(it.add, null, a, v), (a, v) => combine(it.subtract, null, a, v), { name, ...history })
        )
        break
      case 'tableAggregate':
        tables.set(
          position,
          groupedTable(table(it.of), it, name).aggregate<Value>(
            () => START,
            (k, v, a) => combine(it.add, k, a, v),
            (k, v, a) => combine(it.subtract, k, a, v),
            { name, value, ...history }
          )
        )
        break
      case 'tableFilter':
        tables.set(position, table(it.of).filter((k, v) => holds(it.when, k, v), { store }))
        break
      case 'tableFilterNot':
        tables.set(position, table(it.of).filterNot((k, v) => holds(it.when, k, v), { store }))
        break
      case 'tableMapValues':
        tables.set(position, table(it.of).mapValues<Value>((v, k) => applyValue(it.value, k, v), { value, store }))
        break
      case 'tableTransformValues':
        tables.set(
          position,
          table(it.of).transformValues<Value>(() => new CaseTransformer(it, name), { name, value, store, stores: it.state === undefined ? undefined : [processorStore(stateName(name))] })
        )
        break
      case 'windowFilter':
        windowed.set(position, windowedTable(it.of).filter((k, v) => holds(it.when, k, v), { store }))
        break
      case 'windowFilterNot':
        windowed.set(position, windowedTable(it.of).filterNot((k, v) => holds(it.when, k, v), { store }))
        break
      case 'windowMapValues':
        windowed.set(position, windowedTable(it.of).mapValues<Value>((v, k) => applyValue(it.value, k, v), { value, store }))
        break
      case 'windowJoin':
        windowed.set(position, windowedTable(it.of).join(windowedTable(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'windowLeftJoin':
        windowed.set(position, windowedTable(it.of).leftJoin(windowedTable(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'windowOuterJoin':
        windowed.set(position, windowedTable(it.of).outerJoin(windowedTable(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'windowGroup':
        tables.set(
          position,
          groupedTable(windowedTable(it.of), it, name).aggregate<Value>(
            () => START,
            (k, v, a) => combine(it.add, k, a, v),
            (k, v, a) => combine(it.subtract, k, a, v),
            { name, value }
          )
        )
        break
      case 'joinTable':
        streams.set(position, stream(it.of).join(table(it.with), (l, r, k) => combine(it.joiner, k, l, r), { name, value, grace: it.grace }))
        break
      case 'leftJoinTable':
        streams.set(position, stream(it.of).leftJoin(table(it.with), (l, r, k) => combine(it.joiner, k, l, r), { name, value, grace: it.grace }))
        break
      case 'tableJoin':
        tables.set(position, table(it.of).join(table(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'tableLeftJoin':
        tables.set(position, table(it.of).leftJoin(table(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'tableOuterJoin':
        tables.set(position, table(it.of).outerJoin(table(it.with), (l, r) => combine(it.joiner, null, l, r), { value, store }))
        break
      case 'foreignKeyJoin':
        tables.set(
          position,
          table(it.of).join(table(it.with), (v, k) => applyKey(it.key, k, v), (l, r) => combine(it.joiner, null, l, r), { name, value, store })
        )
        break
      case 'foreignKeyLeftJoin':
        tables.set(
          position,
          table(it.of).leftJoin(table(it.with), (v, k) => applyKey(it.key, k, v), (l, r) => combine(it.joiner, null, l, r), { name, value, store })
        )
        break
      case 'streamJoin':
        streams.set(position, side(it.of).join(side(it.with), (l, r, k) => combine(it.joiner, k, l, r), joinWindows(it), { name, value }))
        break
      case 'streamLeftJoin':
        streams.set(position, side(it.of).leftJoin(side(it.with), (l, r, k) => combine(it.joiner, k, l, r), joinWindows(it), { name, value }))
        break
      case 'streamOuterJoin':
        streams.set(position, side(it.of).outerJoin(side(it.with), (l, r, k) => combine(it.joiner, k, l, r), joinWindows(it), { name, value }))
        break
      case 'windowCount':
      case 'windowReduce':
      case 'windowAggregate':
        windowed.set(position, windowedAggregate(grouped(withValues(stream(it.of), 'no-null-values-in-windows'), it, name), it, name, value))
        break
      case 'windowCogroup': {
        const [one, two] = [it.of, it.with].map((of, side) => withValues(stream(of), 'no-null-values-in-windows').groupByKey({ name: `${name}-${side === 0 ? 'one' : 'two'}` })) as [Grouped, Grouped]
        const cogrouped = one.cogroup<Value>((k, v, a) => combine(it.add, k, a, v)).cogroup(two, (k, v, a) => combine(it.other, k, a, v))
        windowed.set(position, windowedCogroup(cogrouped, it, { name, value }))
        break
      }
      case 'windowSuppress':
        windowed.set(position, windowedTable(it.of).suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name }))
        break
      case 'windowToStream':
        streams.set(position, windowedTable(it.of).toStream().selectKey((key) => text(key), { key: reader }) as Stream)
        break
      case 'tableSuppress': {
        const buffer = it.maxRecords === undefined ? BufferConfig.unbounded() : BufferConfig.maxRecords(it.maxRecords).emitEarlyWhenFull()
        tables.set(position, table(it.of).suppress(Suppressed.untilTimeLimit(it.limit, buffer), { name }))
        break
      }
      case 'joinGlobal':
        streams.set(position, stream(it.of).join(globals.get(it.with)!, (k, v) => applyKey(it.key, k, v), (l, r, k) => combine(it.joiner, k, l, r), { value }))
        break
      case 'leftJoinGlobal':
        streams.set(position, stream(it.of).leftJoin(globals.get(it.with)!, (k, v) => applyKey(it.key, k, v), (l, r, k) => combine(it.joiner, k, l, r), { value }))
        break
      case 'process': {
        const stores = it.store === undefined ? undefined : [processorStore(name)]
        streams.set(position, stream(it.of).process(() => new CaseProcessor(it, position), { ...strings, name, stores }))
        break
      }
      case 'processValues': {
        const stores = it.store === undefined ? undefined : [processorStore(name)]
        streams.set(position, stream(it.of).processValues(() => new CaseProcessor(it, position), { value, name, stores }))
        break
      }
      case 'child':
        streams.set(position, stream(it.of).filter(() => true, { name: childName(it.of, it.index) }))
        break
    }
    const written = streams.get(position) ?? (tables.get(position)?.toStream() as Stream | undefined)
    written?.to(`out-${position}`, { key: reader, value })
    windowed.get(position)?.toStream().to(`out-${position}`)
  })
}

function times<T>(mod: number, value: unknown, make: (copy: number) => T): T[] {
  const results: T[] = []
  for (let copy = copies(mod, value); copy > 0; copy--) {
    results.push(make(copy))
  }
  return results
}

function numbered(value: Value | null, copy: number): Value | null {
  return value === null ? null : text(value) + copy
}

function splitInto(stream: Stream, it: Operator & { readonly op: 'split' }): { readonly [branch: string]: Stream } {
  let split = stream.split()
  it.branches.forEach((condition, index) => {
    split = split.branch(`b${index}`, (k, v) => holds(condition, k, v))
  })
  return it.fallback ? split.defaultBranch(`b${it.branches.length}`) : (split.noDefaultBranch() as { readonly [branch: string]: Stream })
}

function grouped(stream: Stream, { by }: { readonly by?: Parameters<typeof applyKey>[0] }, name: string): Grouped {
  return by === undefined ? stream.groupByKey({ name }) : stream.groupBy((k, v) => applyKey(by, k, v), { name, key: reader })
}

function groupedTable<K>(table: KTable<K, Value>, it: Operator & { readonly op: 'tableCount' | 'tableReduce' | 'tableAggregate' | 'windowGroup' }, name: string): KGroupedTable<string, Value> {
  // A mapper may leave a side out by a null; the type of the DSL's pair has no word for it.
  return table.groupBy((k, v) => [applyKey(it.key, k, v), applyValue(it.value, k, v)] as unknown as [string, Value], { name, ...strings })
}

function joinWindows({ before, after, grace }: { readonly before: number; readonly after: number; readonly grace: number }): JoinWindows {
  return JoinWindows.ofTimeDifferenceAndGrace(0, grace).before(before).after(after)
}

type WindowedOperator = Operator & { readonly op: 'windowCount' | 'windowReduce' | 'windowAggregate' }

function windowedAggregate(grouped: Grouped, it: WindowedOperator, name: string, value: Serde<Value>): WindowedTable {
  const { windows, retention } = it
  const emit = it.onClose ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate()
  const add = (key: string | null, aggregate: Value, next: Value) => combine((it as { readonly add: Parameters<typeof combine>[0] }).add, key, aggregate, next)
  if (windows.kind === 'session') {
    const sessions = grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(windows.gap, windows.grace)).emitStrategy(emit)
    switch (it.op) {
      case 'windowCount':
        return sessions.count({ name, retention }) as WindowedTable
      case 'windowReduce':
        return sessions.reduce((a, v) => add(null, a, v), { name, retention })
      case 'windowAggregate':
        return sessions.aggregate<Value>(() => START, (k, v, a) => add(k, a, v), add, { name, value, retention })
    }
  }
  const timed =
    windows.kind === 'time'
      ? grouped.windowedBy(TimeWindows.ofSizeAndGrace(windows.size, windows.grace).advanceBy(windows.advance))
      : grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(windows.difference, windows.grace))
  const byTime = timed.emitStrategy(emit)
  switch (it.op) {
    case 'windowCount':
      return byTime.count({ name, retention }) as WindowedTable
    case 'windowReduce':
      return byTime.reduce((a, v) => add(null, a, v), { name, retention })
    case 'windowAggregate':
      return byTime.aggregate<Value>(() => START, (k, v, a) => add(k, a, v), { name, value, retention })
  }
}

function windowedCogroup(
  cogrouped: CogroupedKStream<string, Value>,
  { windows, add }: Operator & { readonly op: 'windowCogroup' },
  options: { readonly name: string; readonly value: Serde<Value> }
): WindowedTable {
  switch (windows.kind) {
    case 'session':
      return cogrouped
        .windowedBy(SessionWindows.ofInactivityGapAndGrace(windows.gap, windows.grace))
        .aggregate(() => START, (k, a, b) => combine(add, k, a, b), options)
    case 'time':
      return cogrouped.windowedBy(TimeWindows.ofSizeAndGrace(windows.size, windows.grace).advanceBy(windows.advance)).aggregate(() => START, options)
    case 'sliding':
      return cogrouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(windows.difference, windows.grace)).aggregate(() => START, options)
  }
}

/**
 * Random cases. A case is made of a list of choices that are read against what the topology has so far, so that every
 * list gives a valid topology and shrinking is leaving choices out.
 */
import fc from 'fast-check'
import { allowancesOf } from './allowances.ts'
import { type Case, isLong, type Operator, shapeOf, waits } from './case.ts'
import { type Choice, choice, line } from './choices.ts'
import { script } from './input-script.ts'
import { type Known, knownOf, mayBeAnswered, mayMeet, topicsOf } from './known.ts'
import { isOneTask, processing, withPromisedTimes } from './processing.ts'

/** RocksDB is slow to open. */
const PERSISTENT_ONE_IN = 8

export function caseArbitrary({ operators = 14, inputs = 40 } = {}): fc.Arbitrary<Case> {
  return fc
    .record({
      choices: fc.array(choice, { minLength: 1, maxLength: operators, size: 'max' }),
      lines: fc.array(line, { maxLength: inputs, size: 'max' }),
      /** Nothing goes through a repartition topic: then it is decided what stream time is. */
      oneTask: fc.nat({ max: 4 }).map((number) => number === 1),
      persistent: fc.nat({ max: PERSISTENT_ONE_IN - 1 }).map((number) => number === 1),
    })
    .map(({ choices, lines, oneTask, persistent }) => {
      const topology = build(choices, oneTask).map(persistent ? inRocksDB : inMemory)
      return { operators: topology, inputs: script(topology, lines), ...(persistent ? { persistent } : {}), ...allowancesOf(topology, persistent) }
    })
}

/** Kafka Streams' stores in memory forget windows earlier than ours. Sessions on close are compared in memory (`deliberate/`). */
function inRocksDB(operator: Operator): Operator {
  if (!('retention' in operator)) {
    return operator
  }
  const { retention: _, ...rest } = operator
  return operator.windows.kind === 'session' ? { ...rest, onClose: false } : rest
}

/** It keeps no versions in memory. */
function inMemory(operator: Operator): Operator {
  if (operator.op === 'table') {
    return { op: operator.op, topic: operator.topic }
  }
  if (operator.op === 'joinTable' || operator.op === 'leftJoinTable') {
    const { grace: _, ...rest } = operator
    return rest
  }
  return operator
}

function build(choices: readonly Choice[], oneTask: boolean): Operator[] {
  const operators: Operator[] = []
  const known: Known[] = []
  for (const one of choices) {
    const made = operators.length === 0 ? source('stream', one, operators) : (make(one, operators, known) ?? undefined)
    if (made === undefined || (oneTask && (('topic' in made && made.op !== 'globalTable') || knownOf(made, known).repartitioned))) {
      continue
    }
    operators.push(made)
    known.push(knownOf(made, known))
    const parts = made.op === 'split' ? made.branches.length + (made.fallback ? 1 : 0) : 'children' in made ? (made.children ?? []).length : 0
    const of = operators.length - 1
    if (parts > 0) {
      for (let index = 0; index < parts; index++) {
        operators.push({ op: made.op === 'split' ? 'branch' : 'child', of, index })
        known.push(known[of]!)
      }
    }
  }
  return withPromisedTimes(operators, isOneTask(operators, (position) => known[position]!.repartitioned))
}

function source(op: 'stream' | 'table' | 'globalTable', one: Choice, operators: readonly Operator[]): Operator {
  const number = operators.flatMap(topicsOf).length
  if (op === 'stream') {
    return { op, topics: one.flag && one.flag2 ? [`t${number}`, `t${number + 1}`] : [`t${number}`] }
  }
  return op === 'table' && one.versioned ? { op, topic: `t${number}`, history: 5 + one.limit * 5 } : { op, topic: `t${number}` }
}

const KINDS: readonly (readonly [weight: number, kind: Operator['op']])[] = [
  [3, 'stream'], [8, 'table'], [3, 'globalTable'], [3, 'filter'], [2, 'filterNot'], [4, 'map'], [4, 'mapValues'], [4, 'flatMap'], [3, 'flatMapValues'],
  [4, 'selectKey'], [4, 'merge'], [3, 'split'], [9, 'process'], [7, 'processValues'], [4, 'repartition'], [4, 'toTable'], [4, 'toStream'], [5, 'count'], [5, 'reduce'], [6, 'aggregate'], [5, 'cogroup'],
  [5, 'tableCount'], [5, 'tableReduce'], [6, 'tableAggregate'], [4, 'tableFilter'], [3, 'tableFilterNot'], [5, 'tableMapValues'],
  [6, 'joinTable'], [6, 'leftJoinTable'], [4, 'joinGlobal'], [4, 'leftJoinGlobal'],
  [8, 'tableJoin'], [8, 'tableLeftJoin'], [8, 'tableOuterJoin'], [9, 'foreignKeyJoin'], [9, 'foreignKeyLeftJoin'],
  [8, 'windowCount'], [8, 'windowReduce'], [10, 'windowAggregate'], [8, 'windowCogroup'], [14, 'windowSuppress'], [12, 'windowToStream'], [6, 'tableSuppress'],
  [6, 'streamJoin'], [6, 'streamLeftJoin'], [6, 'streamOuterJoin'],
]
const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0)

function kindOf(number: number): Operator['op'] {
  let left = number % TOTAL
  for (const [weight, kind] of KINDS) {
    left -= weight
    if (left < 0) {
      return kind
    }
  }
  throw new RangeError('the weights do not add up')
}

/** The operator a choice means here; undefined when there is nothing it could take. */
function make(one: Choice, operators: readonly Operator[], known: readonly Known[]): Operator | undefined {
  const op = kindOf(one.kind)
  const positions = operators.map((_, position) => position)
  const pick = (number: number, fits: (position: number) => boolean): number | undefined => {
    const all = positions.filter(fits).reverse()
    return all.length === 0 ? undefined : all[number % all.length]
  }
  const isStream = (position: number) => shapeOf(operators[position]!) === 'stream' && !waits(operators[position]!)
  const stream = () => pick(one.of, isStream)
  // See `deliberate/`: what was the old value of a row that was held back.
  const isTable = (position: number) => shapeOf(operators[position]!) === 'table' && operators[position]!.op !== 'tableSuppress'
  const table = () => pick(one.of, isTable)
  switch (op) {
    case 'stream':
    case 'table':
    case 'globalTable':
      return source(op, one, operators)
    case 'joinTable':
    case 'leftJoinTable': {
      const of = stream()
      const other = of === undefined ? undefined : pick(one.with, (position) => isTable(position) && mayMeet(known[of]!, known[position]!))
      if (of === undefined || other === undefined) {
        return undefined
      }
      const table = operators[other]!
      // A record without a key ends Kafka Streams in a left join with grace.
      const grace = op === 'joinTable' && 'history' in table && one.flag ? { grace: Math.min(one.limit, table.history!) } : {}
      return { op, of, with: other, joiner: one.joiner, ...grace }
    }
    case 'cogroup':
    case 'windowCogroup': {
      const of = stream()
      const left = known[of ?? -1]
      const meet = (right: Known) => left !== undefined && mayMeet({ ...left, keyChanged: left.keyChanged || right.keyChanged }, right)
      const other = pick(one.with, (position) => position !== of && isStream(position) && meet(known[position]!))
      if (of === undefined || other === undefined) {
        return undefined
      }
      if (op === 'cogroup') {
        return { op, of, with: other, add: one.add, other: one.subtract }
      }
      const { windows, add, subtract } = one
      // See `deliberate/`: a merger that gives nothing.
      return windows.kind === 'session' ? { op, of, with: other, add: { text: add.text }, other: { text: subtract.text }, windows } : { op, of, with: other, add, other: subtract, windows }
    }
    case 'tableJoin':
    case 'tableLeftJoin':
    case 'tableOuterJoin':
    case 'foreignKeyJoin':
    case 'foreignKeyLeftJoin': {
      const isForeign = op === 'foreignKeyJoin' || op === 'foreignKeyLeftJoin'
      const of = pick(one.of, (position) => isTable(position) && (!isForeign || mayBeAnswered(known[position]!)))
      const left = known[of ?? -1]
      const other = pick(
        one.with,
        (position) => left !== undefined && position !== of && isTable(position) && mayMeet({ ...left, keyChanged: isForeign }, known[position]!)
      )
      if (of === undefined || other === undefined) {
        return undefined
      }
      const both = { of, with: other, joiner: one.joiner, stored: one.flag }
      return isForeign ? { op, ...both, key: one.key } : { op, ...both }
    }
    case 'streamJoin':
    case 'streamLeftJoin':
    case 'streamOuterJoin': {
      const of = stream()
      const left = known[of ?? -1]
      const meet = (right: Known) => left !== undefined && mayMeet({ ...left, keyChanged: left.keyChanged || right.keyChanged }, right)
      // A stream joined with itself goes through one repartition topic here and through two there.
      const itself = op === 'streamJoin' && left?.keyChanged === false
      const other = pick(one.with, (position) => (position !== of || itself) && isStream(position) && meet(known[position]!))
      if (of === undefined || other === undefined) {
        return undefined
      }
      return { op, of, with: other, joiner: one.joiner, ...one.window }
    }
    case 'joinGlobal':
    case 'leftJoinGlobal': {
      const of = stream()
      const other = pick(one.with, (position) => shapeOf(operators[position]!) === 'global')
      return of === undefined || other === undefined ? undefined : { op, of, with: other, key: one.key, joiner: one.joiner }
    }
    case 'merge': {
      const of = stream()
      if (of === undefined) {
        return undefined
      }
      const fits = (position: number) => position !== of && isStream(position) && isLong(operators, position) === isLong(operators, of)
      const other = pick(one.with, (position) => fits(position) && mayMeet({ ...known[of]!, keyChanged: false }, known[position]!))
      return other === undefined ? undefined : { op, of, with: other }
    }
    case 'tableCount':
    case 'tableReduce':
    case 'tableAggregate':
    case 'tableFilter':
    case 'tableFilterNot':
    case 'tableMapValues': {
      const of = table()
      if (of === undefined) {
        return undefined
      }
      // See `deliberate/`: a filter that is kept, of a table that is not.
      return unary(op, of, op !== 'tableMapValues' && isUnkept(operators, of) ? { ...one, flag: false } : one)
    }
    case 'toStream': {
      const of = pick(one.of, (position) => shapeOf(operators[position]!) === 'table')
      return of === undefined ? undefined : unary(op, of, one)
    }
    case 'tableSuppress': {
      // Kafka Streams refuses to hold versions back.
      const of = pick(one.of, (position) => isTable(position) && !isVersioned(operators, position))
      const { limit, maxRecords } = one
      return of === undefined ? undefined : { op, of, limit, ...(maxRecords === undefined ? {} : { maxRecords }) }
    }
    case 'windowSuppress': {
      const updates = (operator: Operator) => 'onClose' in operator && !operator.onClose
      const of = pick(one.of, (position) => updates(operators[position]!))
      return of === undefined ? undefined : { op, of }
    }
    case 'windowToStream': {
      const of = pick(one.of, (position) => shapeOf(operators[position]!) === 'windowed')
      return of === undefined ? undefined : { op, of }
    }
    case 'windowReduce':
    case 'reduce': {
      // A reduction keeps the type, and the functions of cases make text.
      const of = pick(one.of, (position) => isStream(position) && !isLong(operators, position))
      return of === undefined ? undefined : unary(op, of, one)
    }
    default: {
      const of = stream()
      return of === undefined ? undefined : unary(op, of, one)
    }
  }
}

/** The result of a foreign-key join, or what is computed from one, without a store. */
function isUnkept(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  if (!('stored' in operator) || operator.stored) {
    return false
  }
  return operator.op === 'foreignKeyJoin' || operator.op === 'foreignKeyLeftJoin' || (!('with' in operator) && isUnkept(operators, operator.of))
}

/** Keeps its history, or is computed from what does, without a store. */
function isVersioned(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  return 'history' in operator || ('stored' in operator && !operator.stored && !('with' in operator) && isVersioned(operators, operator.of))
}

function unary(op: Operator['op'], of: number, one: Choice): Operator | undefined {
  const { when, key, value, add, subtract } = one
  const by = one.flag ? { by: key } : {}
  // See `deliberate/`: Kafka Streams' stores in memory forget windows before their results could be told, unless they are kept for longer.
  const closing = one.flag2 ? { onClose: true, retention: 100_000 } : { onClose: false }
  switch (op) {
    case 'filter':
    case 'filterNot':
      return { op, of, when }
    case 'map':
      return { op, of, key, value }
    case 'mapValues':
      return { op, of, value }
    case 'flatMap':
      return { op, of, mod: one.mod, key, value }
    case 'flatMapValues':
      return { op, of, mod: one.mod, value }
    case 'selectKey':
      return { op, of, key }
    case 'process':
      return { op, of, key, ...processing(one) }
    case 'processValues':
      return { op, of, ...processing(one) }
    case 'split':
      return { op, of, branches: one.branches, fallback: one.flag }
    case 'repartition':
    case 'toTable':
    case 'toStream':
      return { op, of }
    case 'count':
      return { op, of, ...by }
    case 'reduce':
    case 'aggregate':
      return { op, of, ...by, add }
    case 'windowCount':
      return { op, of, ...by, windows: one.windows, ...closing }
    case 'windowReduce':
    case 'windowAggregate':
      // See `deliberate/`: a merger that gives nothing.
      return { op, of, ...by, windows: one.windows, ...closing, add: one.windows.kind === 'session' ? { text: add.text } : add }
    case 'tableCount':
      return { op, of, key, value }
    case 'tableReduce':
    case 'tableAggregate':
      return { op, of, key, value, add, subtract }
    case 'tableFilter':
    case 'tableFilterNot':
      return { op, of, when, stored: one.flag }
    case 'tableMapValues':
      return { op, of, value, stored: one.flag }
    default:
      return undefined
  }
}

/**
 * Random cases. A case is made of a list of choices that are read against what the topology has so far, so that every
 * list gives a valid topology and shrinking is leaving choices out.
 */
import fc from 'fast-check'
import { allowancesOf } from './allowances.ts'
import { type Case, type Combiner, isLong, type Operator, shapeOf, type Versions, waits, windowsOf } from './case.ts'
import { type Choice, choice, condition, line } from './choices.ts'
import { withFaults } from './faults.ts'
import { script } from './input-script.ts'
import { FLAVOURS, kindOf } from './kinds.ts'
import { type Known, knownOf, mayBeAnswered, mayMeet, topicsOf } from './known.ts'
import { isOneTask, processing, withPromisedTimes } from './processing.ts'

/** RocksDB is slow to open. */
const PERSISTENT_ONE_IN = 8

export function caseArbitrary({ operators = 14, inputs = 40 } = {}): fc.Arbitrary<Case> {
  return fc
    .record({
      choices: fc.array(choice, { minLength: 1, maxLength: operators, size: 'max' }),
      lines: fc.array(line, { maxLength: inputs, size: 'max' }),
      /** Late records also where records wait for a partner. */
      late: fc.boolean(),
      flavour: fc.nat({ max: FLAVOURS.length - 1 }),
      /** Nothing goes through a repartition topic: then it is decided what stream time is. */
      oneTask: fc.nat({ max: 4 }).map((number) => number === 1),
      faults: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(fc.option(condition, { nil: undefined, freq: 2 }), { maxLength: operators, size: 'max' }) }),
      persistent: fc.nat({ max: PERSISTENT_ONE_IN - 1 }).map((number) => number === 1),
    })
    .map(({ choices, lines, late, flavour, oneTask, faults, persistent }) => {
      const topology = withFaults(withoutDeletions(build(choices, flavour, oneTask).map(persistent ? inRocksDB : inMemory)), faults)
      const how = { ...(persistent ? { persistent } : {}), ...(faults.length > 0 ? { continueOnError: true } : {}) }
      return { operators: topology, inputs: script(topology, lines, late), ...how, ...allowancesOf(topology, persistent) }
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

/**
 * See `deliberate/`: a deletion at the time of what it deletes. Results of aggregates and joins have the time of the newest record in
 * them, often that of the result before; where there are versioned tables, no function deletes.
 */
function withoutDeletions(operators: readonly Operator[]): Operator[] {
  if (!operators.some((operator) => 'history' in operator)) {
    return [...operators]
  }
  const never = (field: unknown): unknown => {
    if (typeof field !== 'object' || field === null || !('nullIf' in field || ('fn' in field && field.fn === 'nullIf' && !('mod' in field)))) {
      return field
    }
    const { nullIf: _, ...rest } = field as Combiner
    return 'fn' in rest ? { fn: 'head' } : rest
  }
  return operators.map((operator) => Object.fromEntries(Object.entries(operator).map(([name, field]) => [name, never(field)])) as unknown as Operator)
}

/** It keeps no versions in memory. */
function inMemory(operator: Operator): Operator {
  if ('history' in operator) {
    const { history: _, ...rest } = operator
    return rest
  }
  if (operator.op === 'joinTable' || operator.op === 'leftJoinTable') {
    const { grace: _, ...rest } = operator
    return rest
  }
  return operator
}

function build(choices: readonly Choice[], flavour: number, oneTask: boolean): Operator[] {
  const operators: Operator[] = []
  const known: Known[] = []
  for (const one of choices) {
    const made = operators.length === 0 ? source('stream', one, operators) : (make(one, flavour, operators, known) ?? undefined)
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
  return op === 'table' && one.versioned ? { op, topic: `t${number}`, history: historyOf(one) } : { op, topic: `t${number}` }
}

function historyOf(one: Choice): number {
  return 5 + one.limit * 5
}

/** The operator a choice means here; undefined when there is nothing it could take. */
function make(one: Choice, flavour: number, operators: readonly Operator[], known: readonly Known[]): Operator | undefined {
  const op = kindOf(one.kind, flavour)
  const positions = operators.map((_, position) => position)
  const pick = (number: number, fits: (position: number) => boolean): number | undefined => {
    const all = positions.filter(fits).reverse()
    return all.length === 0 ? undefined : all[number % all.length]
  }
  const isStream = (position: number) => shapeOf(operators[position]!) === 'stream' && !waits(operators[position]!)
  const stream = () => pick(one.of, isStream)
  const isTable = (position: number) => shapeOf(operators[position]!) === 'table' && mayBeRead(operators[position]!)
  const isWindowed = (position: number) => shapeOf(operators[position]!) === 'windowed' && mayBeRead(operators[position]!)
  const versions = one.versioned && one.mod <= 2 ? { history: historyOf(one) } : {}
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
        return { op, of, with: other, add: one.add, other: one.subtract, ...versions }
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
      const both = { of, with: other, joiner: one.joiner, stored: one.flag, ...(one.flag ? versions : {}) }
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
      return unary(op, of, op !== 'tableMapValues' && isUnkept(operators, of) ? { ...one, flag: false } : one, versions, /^(table|toTable)$/.test(operators[of]!.op))
    }
    case 'tableTransformValues': {
      // What transforms is asked for the latest only.
      const of = pick(one.of, (position) => isTable(position) && !isVersioned(operators, position))
      return of === undefined ? undefined : { op, of, value: one.value, stored: one.flag, ...(one.flag && one.flag2 ? { state: one.add } : {}) }
    }
    case 'windowFilter':
    case 'windowFilterNot':
    case 'windowMapValues':
    case 'windowGroup': {
      const of = pick(one.of, (position) => isWindowed(position) && (op === 'windowMapValues' || knowsOldValues(operators, position)))
      return of === undefined ? undefined : unary(op, of, one, versions)
    }
    case 'windowJoin':
    case 'windowLeftJoin':
    case 'windowOuterJoin': {
      const isSession = (position: number) => windowsOf(operators, position).kind === 'session'
      const knows = (position: number) => op === 'windowJoin' || knowsOldValues(operators, position)
      const fitsAlone = (position: number) => isWindowed(position) && knows(position) && !isFromCogroup(operators, position)
      const of = pick(one.of, fitsAlone)
      const fits = (position: number) => position !== of && fitsAlone(position) && isSession(position) === isSession(of!)
      const other = of === undefined ? undefined : pick(one.with, (position) => fits(position) && mayMeet(known[of]!, known[position]!))
      return of === undefined || other === undefined ? undefined : { op, of, with: other, joiner: one.joiner, stored: one.flag }
    }
    case 'toStream': {
      const of = pick(one.of, (position) => shapeOf(operators[position]!) === 'table')
      return of === undefined ? undefined : unary(op, of, one, versions)
    }
    case 'tableSuppress': {
      // Kafka Streams refuses to hold versions back.
      const of = pick(one.of, (position) => isTable(position) && !isVersioned(operators, position))
      const { limit, maxRecords } = one
      return of === undefined ? undefined : { op, of, limit, ...(maxRecords === undefined ? {} : { maxRecords }) }
    }
    case 'windowSuppress': {
      const of = pick(one.of, (position) => shapeOf(operators[position]!) === 'windowed' && tellsUpdates(operators, position))
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
      return of === undefined ? undefined : unary(op, of, one, versions)
    }
    default: {
      const of = stream()
      return of === undefined ? undefined : unary(op, of, one, versions)
    }
  }
}

/** Nothing but streams stand behind what was held back, or transformed and not kept (`deliberate/`). */
function mayBeRead(operator: Operator): boolean {
  return operator.op !== 'tableSuppress' && operator.op !== 'windowSuppress' && !(operator.op === 'tableTransformValues' && !operator.stored)
}

/** See `deliberate/`: what was the old value of a sliding window that a record begins, or of a session it only changes. */
function knowsOldValues(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  if ('windows' in operator) {
    return operator.windows.kind === 'time'
  }
  return 'of' in operator && knowsOldValues(operators, operator.of) && !('with' in operator && !knowsOldValues(operators, operator.with))
}

/** Read in the windows of a cogroup: Kafka Streams 4.3.1 looks there for a store without windows, and does not start. */
function isFromCogroup(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  if ('windows' in operator || ('stored' in operator && operator.stored)) {
    return operator.op === 'windowCogroup'
  }
  return ('of' in operator && isFromCogroup(operators, operator.of)) || ('with' in operator && isFromCogroup(operators, operator.with))
}

/** Windows that are told with every update, by all that are joined. */
function tellsUpdates(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  if ('windows' in operator) {
    return !('onClose' in operator && operator.onClose)
  }
  const sides = 'with' in operator ? [operator.of, operator.with] : 'of' in operator ? [operator.of] : []
  return operator.op !== 'windowSuppress' && sides.every((side) => tellsUpdates(operators, side))
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

function unary(op: Operator['op'], of: number, one: Choice, versions: Versions, ofRecords = false): Operator | undefined {
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
    case 'toStream':
      return { op, of }
    case 'toTable':
      return { op, of, ...versions }
    case 'count':
      return { op, of, ...by, ...versions }
    case 'reduce':
    case 'aggregate':
      return { op, of, ...by, add, ...versions }
    case 'windowCount':
      return { op, of, ...by, windows: one.windows, ...closing }
    case 'windowReduce':
    case 'windowAggregate':
      // See `deliberate/`: a merger that gives nothing.
      return { op, of, ...by, windows: one.windows, ...closing, add: one.windows.kind === 'session' ? { text: add.text } : add }
    case 'tableCount':
      return { op, of, key, value, ...versions }
    case 'tableReduce':
    case 'tableAggregate':
      return { op, of, key, value, add, subtract, ...versions }
    case 'tableFilter':
    case 'tableFilterNot':
      return { op, of, when, stored: one.flag, ...(one.flag && ofRecords ? versions : {}) }
    case 'tableMapValues':
      return { op, of, value, stored: one.flag, ...(one.flag ? versions : {}) }
    case 'windowFilter':
    case 'windowFilterNot':
      return { op, of, when, stored: one.flag }
    case 'windowMapValues':
      return { op, of, value, stored: one.flag }
    case 'windowGroup':
      return { op, of, key, value, add, subtract }
    default:
      return undefined
  }
}

/** What both engines are given: a topology and its input, as plain data. */

/** A condition on a record: the hash of its key or value, modulo. */
export interface Condition {
  readonly on: 'key' | 'value'
  readonly mod: number
  readonly rest: number
}

export type ValueFunction =
  | { readonly fn: 'append'; readonly text: string }
  | { readonly fn: 'withKey' }
  | { readonly fn: 'head' }
  | { readonly fn: 'nullIf'; readonly when: Condition }
  /** Only with `continueOnError`. */
  | { readonly fn: 'throwIf'; readonly when: Condition }

export type KeyFunction =
  | { readonly fn: 'head' }
  | { readonly fn: 'append'; readonly text: string }
  | { readonly fn: 'bucket'; readonly mod: number }
  | { readonly fn: 'nullIf'; readonly when: Condition; readonly mod: number }

/** Joins two values, or adds to (and takes from) an aggregate. A result that meets `nullIf` (by key or result) is null. */
export interface Combiner {
  readonly text: string
  readonly nullIf?: Condition
  /** Only with `continueOnError`. */
  readonly throwIf?: Condition
}

/** Milliseconds. */
export type WindowsOf =
  | { readonly kind: 'time'; readonly size: number; readonly advance: number; readonly grace: number }
  | { readonly kind: 'sliding'; readonly difference: number; readonly grace: number }
  | { readonly kind: 'session'; readonly gap: number; readonly grace: number }

/** What a processor does besides: all of it is optional. */
export interface Processing {
  readonly value: ValueFunction
  /** Folds the values of each key in a store of its own, and hands on what it has folded. */
  readonly store?: Combiner
  /** Hands on more than one record, each so many ms after the one before. */
  readonly copies?: { readonly mod: number; readonly later: number }
  /** Writes into the value where the record comes from, or what time it is. */
  readonly tell?: 'metadata' | 'stream-time' | 'system-time'
  readonly punctuate?: Punctuation
  /** Hands a record to the first child whose condition holds, by its name, or else to all. */
  readonly children?: readonly Condition[]
  /** Throws when it has done all this. */
  readonly throwAfter?: Condition
}

/**
 * A punctuator, every so many ms, from a time on if given (KIP-1146), at most `times` times. It changes every row of the store,
 * or with `clear` removes them; that of `process` hands the rows on, or without a store a record of its own.
 */
export interface Punctuation {
  readonly clock: 'stream-time' | 'wall-clock-time'
  readonly every: number
  readonly from?: number
  readonly times?: number
  readonly clear: boolean
}

/** Keeps the versions of so many ms; only where Kafka Streams keeps its stores in RocksDB. */
export interface Versions {
  readonly history?: number
}

/** One operator. A topic that ends in `-refuses-<text>` has keys and values of that text that cannot be read. `of` and `with` are positions of operators before it; its own position names its store and its topics. */
export type Operator =
  | { readonly op: 'stream'; readonly topics: readonly string[] }
  | ({ readonly op: 'table'; readonly topic: string } & Versions)
  | { readonly op: 'globalTable'; readonly topic: string }
  | { readonly op: 'filter' | 'filterNot'; readonly of: number; readonly when: Condition }
  | { readonly op: 'map'; readonly of: number; readonly key: KeyFunction; readonly value: ValueFunction }
  | { readonly op: 'mapValues'; readonly of: number; readonly value: ValueFunction }
  | { readonly op: 'flatMap'; readonly of: number; readonly mod: number; readonly key: KeyFunction; readonly value: ValueFunction }
  | { readonly op: 'flatMapValues'; readonly of: number; readonly mod: number; readonly value: ValueFunction }
  | { readonly op: 'selectKey'; readonly of: number; readonly key: KeyFunction }
  | { readonly op: 'merge'; readonly of: number; readonly with: number }
  | { readonly op: 'split'; readonly of: number; readonly branches: readonly Condition[]; readonly fallback: boolean }
  | { readonly op: 'branch'; readonly of: number; readonly index: number }
  | ({ readonly op: 'process'; readonly of: number; readonly key: KeyFunction } & Processing)
  | ({ readonly op: 'processValues'; readonly of: number } & Processing)
  /** One of a processor's children, by its name. */
  | { readonly op: 'child'; readonly of: number; readonly index: number }
  | { readonly op: 'repartition' | 'toStream'; readonly of: number }
  | ({ readonly op: 'toTable'; readonly of: number } & Versions)
  /** `by` groups by another key than the record's. */
  | ({ readonly op: 'count'; readonly of: number; readonly by?: KeyFunction } & Versions)
  | ({ readonly op: 'reduce' | 'aggregate'; readonly of: number; readonly by?: KeyFunction; readonly add: Combiner } & Versions)
  | ({ readonly op: 'tableCount'; readonly of: number; readonly key: KeyFunction; readonly value: ValueFunction } & Versions)
  | ({
      readonly op: 'tableReduce' | 'tableAggregate'
      readonly of: number
      readonly key: KeyFunction
      readonly value: ValueFunction
      readonly add: Combiner
      readonly subtract: Combiner
    } & Versions)
  | ({ readonly op: 'tableFilter' | 'tableFilterNot'; readonly of: number; readonly when: Condition; readonly stored: boolean } & Versions)
  | ({ readonly op: 'tableMapValues'; readonly of: number; readonly value: ValueFunction; readonly stored: boolean } & Versions)
  /** With `state`, folds what it is given in a store of its own; what deletes a row stays. */
  | { readonly op: 'tableTransformValues'; readonly of: number; readonly value: ValueFunction; readonly stored: boolean; readonly state?: Combiner }
  /** `grace` waits for a versioned table. */
  | { readonly op: 'joinTable' | 'leftJoinTable'; readonly of: number; readonly with: number; readonly joiner: Combiner; readonly grace?: number }
  /** Two streams in one aggregate, each with a fold of its own. */
  | ({ readonly op: 'cogroup'; readonly of: number; readonly with: number; readonly add: Combiner; readonly other: Combiner } & Versions)
  /** The same per window, told with every update. */
  | { readonly op: 'windowCogroup'; readonly of: number; readonly with: number; readonly add: Combiner; readonly other: Combiner; readonly windows: WindowsOf }
  | ({ readonly op: 'tableJoin' | 'tableLeftJoin' | 'tableOuterJoin'; readonly of: number; readonly with: number; readonly joiner: Combiner; readonly stored: boolean } & Versions)
  | ({
      readonly op: 'foreignKeyJoin' | 'foreignKeyLeftJoin'
      readonly of: number
      readonly with: number
      readonly key: KeyFunction
      readonly joiner: Combiner
      readonly stored: boolean
    } & Versions)
  | {
      readonly op: 'streamJoin' | 'streamLeftJoin' | 'streamOuterJoin'
      readonly of: number
      readonly with: number
      readonly joiner: Combiner
      readonly before: number
      readonly after: number
      readonly grace: number
    }
  | { readonly op: 'windowCount'; readonly of: number; readonly by?: KeyFunction; readonly windows: WindowsOf; readonly onClose: boolean; readonly retention?: number }
  | {
      readonly op: 'windowReduce' | 'windowAggregate'
      readonly of: number
      readonly by?: KeyFunction
      readonly windows: WindowsOf
      readonly onClose: boolean
      readonly retention?: number
      readonly add: Combiner
    }
  /** Tables whose keys have windows, behind other operators. */
  | { readonly op: 'windowFilter' | 'windowFilterNot'; readonly of: number; readonly when: Condition; readonly stored: boolean }
  | { readonly op: 'windowMapValues'; readonly of: number; readonly value: ValueFunction; readonly stored: boolean }
  | { readonly op: 'windowJoin' | 'windowLeftJoin' | 'windowOuterJoin'; readonly of: number; readonly with: number; readonly joiner: Combiner; readonly stored: boolean }
  /** Grouped by keys without windows. */
  | { readonly op: 'windowGroup'; readonly of: number; readonly key: KeyFunction; readonly value: ValueFunction; readonly add: Combiner; readonly subtract: Combiner }
  /** Final results only; then a stream whose keys are text: `key@start/end`. */
  | { readonly op: 'windowSuppress' | 'windowToStream'; readonly of: number }
  | { readonly op: 'tableSuppress'; readonly of: number; readonly limit: number; readonly maxRecords?: number }
  | { readonly op: 'joinGlobal' | 'leftJoinGlobal'; readonly of: number; readonly with: number; readonly key: KeyFunction; readonly joiner: Combiner }

export interface Input {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: readonly (readonly [string, string | null])[]
}

/** The wall clock goes on by so many ms. */
export interface Advance {
  readonly advance: number
}

export interface Case {
  readonly operators: readonly Operator[]
  readonly inputs: readonly (Input | Advance)[]
  /** Kafka Streams keeps its stores in RocksDB, which is slow to begin, and not in memory. */
  readonly persistent?: boolean
  /** Records that cannot be read, or at which an operator throws, are left out. */
  readonly continueOnError?: boolean
  /** What of Kafka Streams is done otherwise so that a deliberate difference does not show (`differences.ts`). */
  readonly allowances?: readonly Allowance[]
}

/**
 * `no-initial-old-value`: stream aggregations begin without an aggregate, so their first change has no old value.
 * `no-null-values-in-windows`: records without a value are taken out before windowed aggregations.
 * `no-null-values-in-joins`: and before joins of streams.
 */
export type Allowance = 'no-initial-old-value' | 'no-null-values-in-windows' | 'no-null-values-in-joins'

/** key, value, timestamp, headers; bytes as Latin-1 text. */
export type Output = readonly [string | null, string | null, number, readonly (readonly [string, string | null])[]]

/** What an engine made of a case. */
export interface Outcome {
  /** Every topic that was written but changelogs, in order; repartition topics included. */
  readonly topics: { readonly [topic: string]: readonly Output[] }
  /**
   * Rows of every store, in key order: key (of windows `key@start/end`, in the order of this text), value, timestamp (-1: it keeps none).
   * Of sessions those of the keys that came out, with the times of their ends; of versioned tables the row of each key that came out at
   * each of its times, as `key@time`.
   */
  readonly stores: { readonly [store: string]: readonly (readonly [string, string, number])[] }
}

export const APPLICATION_ID = 'test'

/** The store and topics of an operator are called after its position. */
export function nameOf(position: number): string {
  return `n${position}`
}

/** A processor hands records to its children by their names. */
export function childName(position: number, index: number): string {
  return `${nameOf(position)}-c${index}`
}

/** What flows out of an operator. */
export type Shape = 'stream' | 'table' | 'global' | 'split' | 'windowed'

const TABLES: ReadonlySet<Operator['op']> = new Set([
  'table', 'toTable', 'count', 'reduce', 'aggregate', 'tableCount', 'tableReduce', 'tableAggregate', 'tableFilter', 'tableFilterNot', 'tableMapValues',
  'tableJoin', 'tableLeftJoin', 'tableOuterJoin', 'foreignKeyJoin', 'foreignKeyLeftJoin',
  'tableSuppress', 'cogroup', 'tableTransformValues', 'windowGroup',
])
const WINDOWED: ReadonlySet<Operator['op']> = new Set([
  'windowCount', 'windowReduce', 'windowAggregate', 'windowCogroup', 'windowSuppress',
  'windowFilter', 'windowFilterNot', 'windowMapValues', 'windowJoin', 'windowLeftJoin', 'windowOuterJoin',
])

export function shapeOf(operator: Operator): Shape {
  if (operator.op === 'split') {
    return 'split'
  }
  if (WINDOWED.has(operator.op)) {
    return 'windowed'
  }
  return operator.op === 'globalTable' ? 'global' : TABLES.has(operator.op) ? 'table' : 'stream'
}

/** Counts are longs, as in Kafka Streams; operators that only pass values on keep the type, all others make text. */
export function isLong(operators: readonly Operator[], position: number): boolean {
  const operator = operators[position]!
  switch (operator.op) {
    case 'count':
    case 'tableCount':
    case 'windowCount':
      return true
    case 'filter':
    case 'filterNot':
    case 'selectKey':
    case 'merge':
    case 'split':
    case 'branch':
    case 'child':
    case 'repartition':
    case 'toTable':
    case 'toStream':
    case 'tableFilter':
    case 'tableFilterNot':
    case 'tableSuppress':
    case 'windowSuppress':
    case 'windowFilter':
    case 'windowFilterNot':
    case 'windowToStream':
      return isLong(operators, operator.of)
    default:
      return false
  }
}

/** Left and outer joins of streams: records wait there for a partner. */
export function waits({ op }: Operator): boolean {
  return op === 'streamLeftJoin' || op === 'streamOuterJoin'
}

/** The stores that an operator is asked to keep. */
export function keepsStore(operator: Operator): boolean {
  if (operator.op === 'tableSuppress' || 'history' in operator) {
    return false
  }
  const shape = shapeOf(operator)
  return shape === 'global' || (shape === 'table' ? !('stored' in operator && !operator.stored) : 'stored' in operator && operator.stored)
}

/** The window stores that an operator is asked to keep. */
export function keepsWindows(operator: Operator): boolean {
  return 'windows' in operator && operator.windows.kind !== 'session'
}

/** The sessions that an operator is asked to keep. */
export function keepsSessions(operator: Operator): boolean {
  return 'windows' in operator && operator.windows.kind === 'session'
}

/** How the window of an operator with windowed keys, or of the one it suppresses, is written. */
export function windowsOf(operators: readonly Operator[], position: number): WindowsOf {
  const operator = operators[position]!
  if ('windows' in operator) {
    return operator.windows
  }
  return windowsOf(operators, (operator as { readonly of: number }).of)
}

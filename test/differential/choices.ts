/** What random cases are made of: choices of operators with all their parameters, and lines of input. */
import fc from 'fast-check'
import type { Combiner, Condition, KeyFunction, ValueFunction, WindowsOf } from './case.ts'

export const condition: fc.Arbitrary<Condition> = fc
  .record({ on: fc.constantFrom('key' as const, 'value' as const), mod: fc.integer({ min: 2, max: 5 }), rest: fc.nat({ max: 4 }) })
  .map(({ on, mod, rest }) => ({ on, mod, rest: rest % mod }))

const valueFunction: fc.Arbitrary<ValueFunction> = fc.oneof(
  fc.record({ fn: fc.constant('append' as const), text: fc.constantFrom('!', '', 'é') }),
  fc.record({ fn: fc.constant('withKey' as const) }),
  fc.record({ fn: fc.constant('head' as const) }),
  fc.record({ fn: fc.constant('nullIf' as const), when: condition })
)

const mod = fc.integer({ min: 1, max: 4 })

const keyFunction: fc.Arbitrary<KeyFunction> = fc.oneof(
  fc.record({ fn: fc.constant('bucket' as const), mod }),
  fc.record({ fn: fc.constant('head' as const) }),
  fc.record({ fn: fc.constant('append' as const), text: fc.constantFrom('k', '') }),
  fc.record({ fn: fc.constant('nullIf' as const), when: condition, mod })
)

const combiner = (texts: readonly string[]): fc.Arbitrary<Combiner> =>
  fc
    .record({ text: fc.constantFrom(...texts), nullIf: fc.option(condition, { freq: 3, nil: undefined }) })
    .map(({ text, nullIf }) => (nullIf === undefined ? { text } : { text, nullIf }))

const grace = fc.oneof(fc.constant(0), fc.nat({ max: 40 }))
const windows: fc.Arbitrary<WindowsOf> = fc.oneof(
  fc
    .record({ size: fc.integer({ min: 1, max: 40 }), advance: fc.integer({ min: 1, max: 40 }), grace })
    .map(({ size, advance, grace: late }) => ({ kind: 'time' as const, size, advance: Math.max(Math.min(size, advance), Math.ceil(size / 5)), grace: late })),
  fc.record({ kind: fc.constant('sliding' as const), difference: fc.integer({ min: 1, max: 30 }), grace }),
  fc.record({ kind: fc.constant('session' as const), gap: fc.integer({ min: 1, max: 20 }), grace })
)

/** One choice: an operator's kind, which earlier ones it takes (counted backwards), and its parameters. */
export const choice = fc.record({
  kind: fc.nat({ max: 999 }),
  of: fc.nat({ max: 20 }),
  with: fc.nat({ max: 20 }),
  when: condition,
  branches: fc.array(condition, { minLength: 1, maxLength: 3 }),
  flag: fc.boolean(),
  flag2: fc.boolean(),
  mod,
  key: keyFunction,
  value: valueFunction,
  add: combiner(['+', '']),
  subtract: combiner(['-']),
  joiner: combiner(['&']),
  windows,
  versioned: fc.boolean(),
  limit: fc.nat({ max: 30 }),
  maxRecords: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  processing: fc.record({
    store: fc.boolean(),
    later: fc.constantFrom(0, 7),
    tell: fc.constantFrom(undefined, undefined, 'metadata' as const, 'stream-time' as const, 'system-time' as const),
    children: fc.array(condition, { maxLength: 2 }),
    clock: fc.constantFrom(undefined, 'stream-time' as const, 'wall-clock-time' as const),
    every: fc.integer({ min: 1, max: 30 }).map((half) => 2 * half),
    from: fc.option(fc.nat({ max: 45 }).map((half) => 2 * half), { freq: 2, nil: undefined }),
    times: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 2, nil: undefined }),
  }),
  window: fc.record({ before: fc.integer({ min: 1, max: 30 }), after: fc.integer({ min: 1, max: 30 }), grace: fc.oneof(fc.constant(0), fc.nat({ max: 60 })) }),
})
export type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never

const header = fc.tuple(fc.constantFrom('h', 'trace'), fc.option(fc.constantFrom('1', '2', ''), { freq: 5 }))

export const line = fc.record({
  topic: fc.nat({ max: 7 }),
  key: fc.option(fc.constantFrom('a', 'b', 'c', 'ä', ''), { freq: 9 }),
  value: fc.option(fc.constantFrom('x', 'y', 'zz', 'w1', 'ß漢', ''), { freq: 6 }),
  /** Forwards: moves time. Backwards: a late record. Zero: the same instant again. */
  step: fc.integer({ min: -40, max: 25 }),
  /** What the wall clock goes on by before it, in cases that look at it. */
  wait: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 150 }) }),
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(header, { maxLength: 2 }) }),
})

export type Line = typeof line extends fc.Arbitrary<infer T> ? T : never

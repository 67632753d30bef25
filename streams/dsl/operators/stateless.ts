/** Operators on streams that keep nothing. Each function makes the processor of one node. */
import { StreamsError } from '../../errors.ts'
import { refusePromise } from '../../not-awaited.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import type { Record } from '../../record.ts'

type Step<KIn, VIn, KOut, VOut> = (record: Record<KIn, VIn>, forward: (record: Record<KOut, VOut>) => void) => void

/** A processor that is one function of the record. */
function step<KIn, VIn, KOut, VOut>(apply: Step<KIn, VIn, KOut, VOut>): Processor<KIn, VIn, KOut, VOut> {
  let forward: (record: Record<KOut, VOut>) => void
  return {
    init(context: ProcessorContext<KOut, VOut>) {
      forward = (record) => context.forward(record)
    },
    process(record) {
      apply(record, forward)
    },
  }
}

/** What a predicate said; a promise of it would always be true. */
export function decided(answer: unknown): boolean {
  if (typeof answer === 'boolean') {
    return answer
  }
  refusePromise(answer, 'the predicate')
  return Boolean(answer)
}

/** Without types an object, or a promise, would pass for a record of neither key nor value. */
function checkedPair<K, V>(pair: readonly [K, V]): readonly [K, V] {
  if (!Array.isArray(pair)) {
    refusePromise(pair, 'the mapper')
    throw new StreamsError('TOPOLOGY_INVALID', 'a mapper of keys and values gives [key, value].')
  }
  return pair
}

export function filter<K, V>(predicate: (key: K, value: V) => boolean, keep: boolean): Processor<K, V> {
  return step((record, forward) => {
    if (decided(predicate(record.key, record.value)) === keep) {
      forward(record)
    }
  })
}

export function map<K, V, KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR]): Processor<K, V, KR, VR> {
  return step(({ key, value, timestamp, headers }, forward) => {
    const pair = checkedPair(mapper(key, value))
    forward({ key: pair[0], value: pair[1], timestamp, headers })
  })
}

export function mapValues<K, V, VR>(mapper: (value: V, key: K) => VR): Processor<K, V, K, VR> {
  return step(({ key, value, timestamp, headers }, forward) => forward({ key, value: mapper(value, key), timestamp, headers }))
}

export function flatMap<K, V, KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>): Processor<K, V, KR, VR> {
  return step(({ key, value, timestamp, headers }, forward) => {
    for (const pair of mapper(key, value)) {
      const [newKey, newValue] = checkedPair(pair)
      forward({ key: newKey, value: newValue, timestamp, headers })
    }
  })
}

export function flatMapValues<K, V, VR>(mapper: (value: V, key: K) => Iterable<VR>): Processor<K, V, K, VR> {
  return step(({ key, value, timestamp, headers }, forward) => {
    for (const result of mapper(value, key)) {
      forward({ key, value: result, timestamp, headers })
    }
  })
}

export function selectKey<K, V, KR>(mapper: (key: K, value: V) => KR): Processor<K, V, KR, V> {
  return step(({ key, value, timestamp, headers }, forward) => forward({ key: mapper(key, value), value, timestamp, headers }))
}

export function peek<K, V>(action: (key: K, value: V) => void): Processor<K, V> {
  return step((record, forward) => {
    refusePromise(action(record.key, record.value), 'the action')
    forward(record)
  })
}

export function foreach<K, V>(action: (key: K, value: V) => void): Processor<K, V> {
  return { process: ({ key, value }) => refusePromise(action(key, value), 'the action') }
}

export function passThrough<K, V>(): Processor<K, V> {
  return step((record, forward) => forward(record))
}

/** Hands each record to the child of the first predicate that holds, else to `fallback()` if there is one. */
export function branch<K, V>(
  branches: readonly { readonly child: string; readonly predicate: (key: K, value: V) => boolean }[],
  fallback: () => string | undefined
): Processor<K, V> {
  let context: ProcessorContext<K, V>
  return {
    init(given) {
      context = given
    },
    process(record) {
      const child = branches.find(({ predicate }) => decided(predicate(record.key, record.value)))?.child ?? fallback()
      if (child !== undefined) {
        context.forward(record, child)
      }
    },
  }
}

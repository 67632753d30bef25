/** Operators on streams that keep nothing. Each function makes the processor of one node. */
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

export function filter<K, V>(predicate: (key: K, value: V) => boolean, keep: boolean): Processor<K, V> {
  return step((record, forward) => {
    if (Boolean(predicate(record.key, record.value)) === keep) {
      forward(record)
    }
  })
}

export function map<K, V, KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR]): Processor<K, V, KR, VR> {
  return step(({ key, value, timestamp, headers }, forward) => {
    const pair = mapper(key, value)
    forward({ key: pair[0], value: pair[1], timestamp, headers })
  })
}

export function mapValues<K, V, VR>(mapper: (value: V, key: K) => VR): Processor<K, V, K, VR> {
  return step(({ key, value, timestamp, headers }, forward) => forward({ key, value: mapper(value, key), timestamp, headers }))
}

export function flatMap<K, V, KR, VR>(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>): Processor<K, V, KR, VR> {
  return step(({ key, value, timestamp, headers }, forward) => {
    for (const pair of mapper(key, value)) {
      forward({ key: pair[0], value: pair[1], timestamp, headers })
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
    action(record.key, record.value)
    forward(record)
  })
}

export function foreach<K, V>(action: (key: K, value: V) => void): Processor<K, V> {
  return { process: ({ key, value }) => action(key, value) }
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
      const child = branches.find(({ predicate }) => predicate(record.key, record.value))?.child ?? fallback()
      if (child !== undefined) {
        context.forward(record, child)
      }
    },
  }
}

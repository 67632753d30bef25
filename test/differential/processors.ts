/** The processors of random topologies. Processors.java is this file in Java: both must do the same. */
import type { Cancellable, FixedKeyProcessor, KeyValueStore, ProcessingContext, Processor, ProcessorContext, Record, StoreBuilder, ValueTransformer } from 'millrace'
import { Serdes, Stores } from 'millrace'
import { childName, nameOf, type Operator, type Processing } from './case.ts'
import { applyKey, applyValue, combine, copies, holds, limit, text, throwIf } from './functions.ts'

type Key = string | null
type Value = string | number | null
type Context = ProcessorContext<Key, Value>

export function processorStore(name: string): StoreBuilder<string, string> {
  return Stores.keyValueStore<string, string>(name, { key: Serdes.string(), value: Serdes.string() })
}

export class CaseProcessor implements Processor<Key, Value>, FixedKeyProcessor<Key, Value> {
  readonly #it: Operator & Processing
  readonly #position: number
  #context!: Context
  #store: KeyValueStore<string, string> | undefined
  #punctuator: Cancellable | undefined
  #fired = 0

  constructor(it: Operator & Processing, position: number) {
    this.#it = it
    this.#position = position
  }

  init(context: Context): void {
    const { store, punctuate } = this.#it
    this.#context = context
    this.#store = store === undefined ? undefined : context.getStateStore(nameOf(this.#position))
    if (punctuate !== undefined) {
      const { every, clock, from } = punctuate
      this.#punctuator = context.schedule(every, clock, (timestamp) => this.#punctuate(timestamp), from)
    }
  }

  process(record: Record<Key, Value>): void {
    const it = this.#it
    const { key, timestamp } = record
    let value = applyValue(it.value, key, record.value)
    if (it.store !== undefined && this.#store !== undefined) {
      value = combine(it.store, key, this.#store.get(text(key)) ?? '0', value)
      this.#store.put(text(key), value)
    }
    value = this.#told(value)
    const newKey = it.op === 'process' ? applyKey(it.key, key, record.value) : key
    const child = (it.children ?? []).findIndex((condition) => holds(condition, newKey, value))
    const count = it.copies === undefined ? 1 : 1 + copies(it.copies.mod, record.value)
    for (let copy = 0; copy < count; copy++) {
      const one = { ...record, key: newKey, value, timestamp: timestamp + copy * (it.copies?.later ?? 0) }
      this.#context.forward(one, child === -1 ? undefined : childName(this.#position, child))
    }
    throwIf(it.throwAfter, key, record.value)
  }

  #told(value: string | null): string | null {
    const context = this.#context
    switch (this.#it.tell) {
      case 'metadata': {
        const from = context.recordMetadata()
        return limit(`${text(value)}<${from === undefined ? 'nothing' : `${from.topic}:${from.offset}`}`)
      }
      case 'stream-time':
        return limit(`${text(value)}<${context.currentStreamTimeMs()}`)
      case 'system-time':
        return limit(`${text(value)}<${context.currentSystemTimeMs()}`)
      case undefined:
        return value
    }
  }

  #punctuate(timestamp: number): void {
    const { op, punctuate } = this.#it
    const store = this.#store
    if (++this.#fired === punctuate?.times) {
      this.#punctuator?.cancel()
    }
    const forwards = op === 'process'
    if (store === undefined) {
      if (forwards) {
        this.#context.forward({ key: 'p', value: String(timestamp), timestamp, headers: [] })
      }
      return
    }
    for (const [key, value] of [...store.all()]) {
      const changed = limit(`${value}@${timestamp}`)
      store.put(key, punctuate?.clear === true ? null : changed)
      if (forwards) {
        this.#context.forward({ key, value: changed, timestamp, headers: [] })
      }
    }
  }
}

/** The store of a transformer beside that of its table. */
export function stateName(name: string): string {
  return `${name}-state`
}

export class CaseTransformer implements ValueTransformer<string, string | number, string> {
  readonly #it: Operator & { readonly op: 'tableTransformValues' }
  readonly #name: string
  #state: KeyValueStore<string, string> | undefined

  constructor(it: Operator & { readonly op: 'tableTransformValues' }, name: string) {
    this.#it = it
    this.#name = name
  }

  init(context: ProcessingContext): void {
    this.#state = this.#it.state === undefined ? undefined : context.getStateStore(stateName(this.#name))
  }

  transform(key: string, value: string | number | null): string | null {
    const { state } = this.#it
    if (value === null) {
      return null
    }
    const result = applyValue(this.#it.value, key, value)
    if (state === undefined || this.#state === undefined) {
      return result
    }
    const folded = combine(state, key, this.#state.get(key) ?? '0', result)
    this.#state.put(key, folded)
    return folded
  }
}

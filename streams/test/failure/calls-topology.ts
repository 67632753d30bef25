/** What the killed processes of `calls.test.ts` run: an asynchronous operator with a store, which may die in each of its three parts. */
import { type KeyValueStore, type Processor, type ProcessorContext, type Record, Serdes, type StreamsBuilder, Stores, type ValueAndTimestamp } from '../../index.ts'

/** Where a process dies: before what it names, or behind it. */
export const PHASES = ['prepare', 'call', 'answered', 'complete', 'completed'] as const

export interface CallSettings {
  readonly source: string
  readonly sink: string
  /** Address of the service; none: each record has its answer at once. */
  readonly service?: string
  readonly die?: { readonly at: (typeof PHASES)[number]; readonly times: number }
}

const TEXT = { key: Serdes.string(), value: Serdes.string() }
/** Answers of a key. */
export const STORE = 'answers'

export function answerTo(input: string): string {
  return `answer to ${input}`
}

function inputOf({ key, value }: Record<string, string>, answers: ValueAndTimestamp<number> | undefined): string {
  return `${key} ${value} after ${answers?.value ?? 0}`
}

function finish(record: Record<string, string>, result: string, context: ProcessorContext<string, string>): void {
  const answers: KeyValueStore<string, ValueAndTimestamp<number>> = context.getStateStore(STORE)
  answers.put(record.key, { value: (answers.get(record.key)?.value ?? 0) + 1, timestamp: record.timestamp })
  context.forward({ ...record, value: result })
}

export default function topology(b: StreamsBuilder, { source, sink, service, die }: CallSettings): void {
  const records = b.stream(source, TEXT).flatMapValues((value) => [`${value}, first`, `${value}, second`])
  const stores = [Stores.timestampedKeyValueStore(STORE, { key: Serdes.string(), value: Serdes.long() })]
  if (service === undefined) {
    records.process(() => new AnsweredAtOnce(), { name: 'ask', stores, ...TEXT }).to(sink, TEXT)
    return
  }
  let left = die?.times
  const pass = (phase: (typeof PHASES)[number]): void => {
    if (die?.at === phase && --left! === 0) {
      process.kill(process.pid, 'SIGKILL')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }
  }
  records
    .processAsync<string, string, string>(
      {
        prepare: (record, context) => {
          pass('prepare')
          return inputOf(record, context.getStateStore<string, ValueAndTimestamp<number>>(STORE).get(record.key))
        },
        call: async (input, { idempotencyKey, fence, signal }) => {
          pass('call')
          const response = await fetch(service, { method: 'POST', body: JSON.stringify({ idempotencyKey, fence, input }), signal })
          const answer = await response.text()
          pass('answered')
          return [answer, fence, idempotencyKey].join('|')
        },
        complete: (result, record, context) => {
          pass('complete')
          finish(record, result, context)
          pass('completed')
        },
      },
      { name: 'ask', stores, timeout: '10m', input: TEXT, ...TEXT },
    )
    .to(sink, TEXT)
}

/** As if each call were answered before the next record. */
class AnsweredAtOnce implements Processor<string, string, string, string> {
  #context: ProcessorContext<string, string> | undefined

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
  }

  process(record: Record<string, string>): void {
    const answers: KeyValueStore<string, ValueAndTimestamp<number>> = this.#context!.getStateStore(STORE)
    finish(record, answerTo(inputOf(record, answers.get(record.key))), this.#context!)
  }
}

/** Asynchronous topologies for tests: `in` → `call` → `out`, and calls that a test settles by hand. */
import type { AsyncOperator, CallInfo } from '../../async/operator.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import type { Topology } from '../../graph/topology.ts'
import type { Record } from '../../record.ts'
import { Serdes } from '../../serdes.ts'

export const text = Serdes.string()

export type TextOperator = AsyncOperator<string, string, unknown, unknown, string>

export function operator(call: (value: string, info: CallInfo, record: Record<string, string>) => Promise<unknown>, options: Partial<TextOperator> = {}): TextOperator {
  return {
    key: text,
    value: text,
    call: (input, info, record) => call(input as string, info, record),
    complete: (result, record, context) => context.forward({ ...record, value: String(result) }),
    concurrency: 8,
    maxPending: 1_000,
    maxPendingBytes: 1_000_000,
    order: 'key',
    timeoutMs: 30_000,
    retry: { attempts: 0 },
    onFailure: 'fail',
    ...options,
  }
}

export function asyncTopology(call: TextOperator, name = 'call'): Topology {
  return new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addAsyncProcessor(name, call, 'source')
    .addSink('sink', 'out', name, { key: text, value: text })
    .build({ applicationId: 'app' })
}

interface Pending {
  readonly value: string
  readonly info: CallInfo
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Calls in the order in which they were made; the test says when and how each settles. */
export class ManualCalls {
  readonly made: Pending[] = []

  readonly call = (value: string, info: CallInfo): Promise<unknown> =>
    new Promise((resolve, reject) => {
      this.made.push({ value, info, resolve, reject })
    })

  get values(): string[] {
    return this.made.map(({ value }) => value)
  }

  of(value: string): Pending {
    const found = this.made.findLast((pending) => pending.value === value)
    if (found === undefined) {
      throw new Error(`no call for ${value}; made: ${this.values.join(', ')}`)
    }
    return found
  }
}

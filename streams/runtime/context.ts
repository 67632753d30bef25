/** What a processor sees of its task. Every call checks that it is this incarnation's turn (rules B2, B6). */
import { StreamsError } from '../errors.ts'
import type { MeteredContext } from '../graph/dropped.ts'
import type { GuaranteedContext } from '../graph/guarantee.ts'
import type { IdleReaction, OperatorNote, OperatorTime, TimedContext } from '../graph/operator-time.ts'
import type { AnyRecord } from '../graph/topology.ts'
import type { PrepareContext } from '../async/operator.ts'
import type { Cancellable, ProcessorContext, PunctuationType, Punctuator, ReadOnlyKeyValueStore } from '../processor.ts'
import type { RecordMetadata } from '../record.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'
import type { AnyStore } from './typed-stores.ts'

export class TaskProcessorContext implements ProcessorContext<unknown, unknown>, MeteredContext, TimedContext, GuaranteedContext {
  readonly applicationId: string
  readonly taskId: string
  readonly metrics: NonNullable<MeteredContext['metrics']>
  readonly exactlyOnce: boolean
  private readonly core: TaskCore
  private readonly node: RuntimeNode
  private readonly incarnation: number
  private readonly stores: ReadonlyMap<string, unknown>

  constructor(core: TaskCore, node: RuntimeNode, stores: ReadonlyMap<string, unknown>) {
    this.core = core
    this.node = node
    this.incarnation = core.incarnation
    this.stores = stores
    this.applicationId = core.applicationId
    this.taskId = core.taskId
    this.metrics = core.metrics
    this.exactlyOnce = core.exactlyOnce
  }

  forward(record: AnyRecord, child?: string): void {
    const node = this.node
    if (this.core.turn !== this.incarnation) {
      this.core.checkTurn(this.incarnation, `The context of ${node.name}`)
    }
    if (child !== undefined) {
      node.child(child).process(record)
      return
    }
    const children = node.children
    for (let i = 0; i < children.length; i++) {
      children[i]!.process(record)
    }
  }

  recordMetadata(): RecordMetadata | undefined {
    this.check()
    return this.core.metadata()
  }

  getStateStore<S>(name: string): S {
    this.check()
    const store = this.stores.get(name)
    if (store === undefined) {
      throw notConnected(this.node.name, name, this.stores)
    }
    return store as S
  }

  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator, startTime?: number): Cancellable {
    this.check()
    return this.core.timers.schedule(this.node, intervalMs, type, this.core.clock.now(), punctuator, startTime)
  }

  commit(): void {
    this.check()
    this.core.commitRequested = true
  }

  currentStreamTimeMs(): number {
    this.check()
    return this.node.streamTime()
  }

  operatorTime(name: string): OperatorTime {
    this.check()
    return this.core.times.time(name, this.node.holds)
  }

  operatorNote(name: string): OperatorNote {
    this.check()
    return this.core.times.note(name)
  }

  whenIdle(time: OperatorTime, reaction: IdleReaction): void {
    this.check()
    this.core.idle.register(this.node, time, reaction)
  }

  currentSystemTimeMs(): number {
    return this.core.clock.now()
  }

  private check(): void {
    this.core.checkTurn(this.incarnation, `The context of ${this.node.name}`)
  }
}

/** What `prepare` of an asynchronous operator sees: its stores (`readOnly`), to read (rule B2). */
export function prepareContext(core: TaskCore, node: string, stores: ReadonlyMap<string, AnyStore>): PrepareContext {
  const { incarnation } = core
  return {
    getStateStore: <K, V>(name: string) => {
      core.checkTurn(incarnation, `The context of ${node}`)
      const store = stores.get(name)
      if (store === undefined) {
        throw notConnected(node, name, stores)
      }
      return store as unknown as ReadOnlyKeyValueStore<K, V>
    },
  }
}

function notConnected(node: string, store: string, connected: ReadonlyMap<string, unknown>): StreamsError {
  const names = [...connected.keys()].join(', ') || 'none'
  return new StreamsError(
    'STORE_NOT_CONNECTED',
    `${node}: store '${store}' is not connected to it; connected: ${names}. Name it where the node is added.`,
  )
}

/** What a processor sees of its task. Every call checks that it is this incarnation's turn (rules B2, B6). */
import { StreamsError } from '../errors.ts'
import type { AnyRecord } from '../graph/topology.ts'
import type { Cancellable, ProcessorContext, PunctuationType, Punctuator } from '../processor.ts'
import type { RecordMetadata } from '../record.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'

export class TaskProcessorContext implements ProcessorContext<unknown, unknown> {
  readonly applicationId: string
  readonly taskId: string
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
      throw new StreamsError('STORE_NOT_CONNECTED', `${this.node.name}: store '${name}' is not connected to it; connected: ${[...this.stores.keys()].join(', ') || 'none'}. Name it where the processor is added.`)
    }
    return store as S
  }

  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    this.check()
    return this.core.timers.schedule(this.node, intervalMs, type, this.core.clock.now(), punctuator)
  }

  commit(): void {
    this.check()
    this.core.commitRequested = true
  }

  currentStreamTimeMs(): number {
    this.check()
    return this.node.streamTime()
  }

  currentSystemTimeMs(): number {
    return this.core.clock.now()
  }

  private check(): void {
    this.core.checkTurn(this.incarnation, `The context of ${this.node.name}`)
  }
}

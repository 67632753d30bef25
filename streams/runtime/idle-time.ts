/**
 * Time that goes on although no record comes: when all inputs of a task have been idle for a while, the times of its
 * operators follow the wall clock, so that a quiet tenant's last window closes (rule A7). Idle is who has been read to the
 * end of the log by an answer of late; what a broker that is gone, an undecided transaction or a full buffer holds back is not.
 */
import type { IdleReaction, OperatorTime } from '../graph/operator-time.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'

interface Waiting {
  readonly node: RuntimeNode
  readonly time: OperatorTime
  readonly reaction: IdleReaction
  /** Wall clock when it was last advanced because of this. */
  advancedAt: number
}

export class IdleTime {
  readonly #core: TaskCore
  readonly #timeoutMs: number
  readonly #waiting: Waiting[] = []
  /** Since when nothing was left to read, wall clock; -1: something is. */
  #since = -1

  constructor(core: TaskCore, timeoutMs: number) {
    this.#core = core
    this.#timeoutMs = timeoutMs
  }

  /** Operators begin anew with their task. */
  clear(): void {
    this.#waiting.length = 0
    this.#since = -1
  }

  register(node: RuntimeNode, time: OperatorTime, reaction: IdleReaction): void {
    this.#waiting.push({ node, time, reaction, advancedAt: -1 })
  }

  /** The task has processed what there was. */
  note(now: number): void {
    if (!this.#core.group.readToTheEnd) {
      this.#since = -1
    } else if (this.#since < 0) {
      this.#since = now
    }
  }

  /** Lets operators hand on what has become due. False: nothing has. */
  run(now: number): boolean {
    this.note(now)
    if (this.#since < 0 || now - this.#since < this.#timeoutMs || now - this.#core.group.answeredAt > this.#timeoutMs) {
      return false
    }
    let advanced = false
    for (const waiting of this.#waiting) {
      const { time } = waiting
      // One that is held waits for a call, not for a record.
      if (time.highest >= 0 && time.time === time.highest) {
        const to = time.highest + now - Math.max(this.#since, waiting.advancedAt)
        if (this.#isDue(waiting, to)) {
          waiting.advancedAt = now
          waiting.node.firePunctuator(() => {
            time.advance(to)
            waiting.reaction.emit(to)
          }, 'stream-time', to)
          advanced = true
        }
      }
    }
    return advanced
  }

  #isDue({ node, reaction }: Waiting, to: number): boolean {
    const core = this.#core
    core.beginTurn(undefined, to)
    core.place.operator = node.index
    try {
      return reaction.isDue(to)
    } catch (error) {
      throw core.fail('PROCESSING_FAILED', node.name, error)
    } finally {
      core.endTurn()
    }
  }
}

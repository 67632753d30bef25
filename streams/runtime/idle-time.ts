/**
 * Time that goes on although no record comes. When a call ends that held it, what that closes is told then, as it would have
 * been without the call (rule A6). And when all inputs of a task have been idle for a while, the times of its operators follow
 * the wall clock, if that is asked for, so that a quiet tenant's last window closes (rule A7). Idle is who has been read to the
 * end of the log by an answer of late; what a broker that is gone, an undecided transaction or a full buffer holds back is not.
 */
import type { IdleReaction, OperatorTime } from '../graph/operator-time.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'

interface Waiting {
  readonly node: RuntimeNode
  readonly time: OperatorTime
  readonly reaction: IdleReaction
  /** Wall clock when it was last advanced because inputs were idle. */
  advancedAt: number
  /** How far its time had come when it was last looked at because of a call. */
  seen: number
}

export class IdleTime {
  readonly #core: TaskCore
  readonly #timeoutMs: number | undefined
  readonly #waiting: Waiting[] = []
  /** Since when nothing was left to read, and nothing came, wall clock; -1: something is. */
  #since = -1

  /** `timeoutMs`: undefined: idle inputs move no time. */
  constructor(core: TaskCore, timeoutMs: number | undefined) {
    this.#core = core
    this.#timeoutMs = timeoutMs
  }

  /** Operators begin anew with their task. */
  clear(): void {
    this.#waiting.length = 0
    this.#since = -1
  }

  register(node: RuntimeNode, time: OperatorTime, reaction: IdleReaction): void {
    this.#waiting.push({ node, time, reaction, advancedAt: -1, seen: -1 })
  }

  /** The task has processed what there was; `records`: there was something. */
  note(now: number, records: boolean): void {
    if (this.#timeoutMs === undefined) {
      return
    }
    if (!this.#core.group.readToTheEnd) {
      this.#since = -1
    } else if (records || this.#since < 0) {
      this.#since = now
    }
  }

  /** Calls have ended: lets operators hand on what they held back. False: nothing. */
  released(): boolean {
    let handedOn = false
    for (const waiting of this.#waiting) {
      if (!waiting.time.holdable) {
        continue
      }
      const { time } = waiting.time
      if (time > waiting.seen) {
        waiting.seen = time
        if (this.#isDue(waiting, time)) {
          waiting.node.firePunctuator(() => waiting.reaction.emit(time), 'stream-time', time)
          handedOn = true
        }
      }
    }
    return handedOn
  }

  /** Lets operators hand on what idle inputs have made due. False: nothing. */
  run(now: number): boolean {
    this.note(now, false)
    if (this.#timeoutMs === undefined || this.#since < 0 || now - this.#since < this.#timeoutMs || now - this.#core.group.answeredAt > this.#timeoutMs) {
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

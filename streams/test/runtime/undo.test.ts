import fc from '../../../state-stores/test/seeded.ts'
import { openMemoryTaskState } from 'millrace-state-stores'
import t from 'tap'
import type { Undoable } from '../../runtime/undo.ts'
import { UndoFrames } from '../../runtime/undo.ts'
import { SimulatedCollector, SimulatedTopics } from '../../testing/simulated-topics.ts'

/** Something with a log, like the timers and the in-flight table: it records only while a mark exists. */
class Counter implements Undoable {
  value = 0
  readonly #log: number[] = []
  #recording = false

  add(): void {
    if (this.#recording) {
      this.#log.push(this.value)
    }
    this.value++
  }

  get logged(): number {
    return this.#log.length
  }

  mark(): number {
    this.#recording = true
    return this.#log.length
  }

  rollback(mark: number): void {
    while (this.#log.length > mark) {
      this.value = this.#log.pop()!
    }
  }

  forget(): void {
    this.#recording = false
    this.#log.length = 0
  }
}

type Step = 'open' | 'effect' | 'commit' | 'rollback'

t.test('nested frames take back exactly what happened since they were opened', (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<Step>('open', 'effect', 'effect', 'commit', 'rollback'), { maxLength: 60 }), (steps) => {
      const state = openMemoryTaskState([{ name: 's', kind: 'key-value', logged: true }])
      const collector = new SimulatedCollector(new SimulatedTopics(() => 1), () => undefined)
      const frames = new UndoFrames(state, collector)
      const counter = new Counter()
      frames.register(counter)
      const key = Buffer.from('k')
      const stack: number[] = []
      let model = 0
      for (const step of steps) {
        if (step === 'open') {
          frames.open()
          stack.push(model)
        } else if (step === 'effect') {
          if (frames.unmarked > 0) {
            frames.materialize()
          }
          model++
          counter.add()
          state.store('s').put(key, Buffer.from([counter.value]), 0)
          collector.send('t', 0, null, Buffer.from([counter.value]), 0, [])
        } else if (stack.length > 0) {
          const opened = stack.pop()!
          if (step === 'commit') {
            frames.commit()
          } else {
            frames.rollback()
            model = opened
          }
        }
        const stored = state.store('s').get(key)?.[0] ?? 0
        if (counter.value !== model || stored !== model || (stack.length === 0 && counter.logged !== 0)) {
          return false
        }
      }
      return collector.close().length === model
    }),
    { numRuns: 1_000 }
  )
  t.end()
})

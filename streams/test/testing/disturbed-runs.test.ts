/** The promise of exactly once, as a property: whatever is aborted, killed or lost in between, the results are the same. */
import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import type { StreamsBuilder } from '../../dsl/streams-builder.ts'
import { Stores } from '../../graph/store-builder.ts'
import type { KeyValueStore, Processor, ProcessorContext } from '../../processor.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { text } from '../async/calls.ts'
import { processor } from '../runtime/topologies.ts'

const numbers = Serdes.json<number>()

/**
 * Stateful, asynchronous behind a circuit breaker, repartitioned, with a policy and with fields in a processor that must not
 * survive a drop.
 */
function topology(builder: StreamsBuilder): void {
  const tried = new Set<string>()
  const counted = (): Processor<string, string> => {
    const seen = new Map<string, number>()
    let context: ProcessorContext<string, string>
    let store: KeyValueStore<string, number>
    return {
      init(given) {
        context = given
        store = context.getStateStore('numbers')
        for (const [key, value] of store.all()) {
          seen.set(key, value)
        }
      },
      process(record) {
        // A cache of the store in a field: right only if the processor is made anew whenever the store goes back.
        const next = (seen.get(record.key) ?? 0) + 1
        seen.set(record.key, next)
        store.put(record.key, next)
        context.forward({ ...record, value: `${record.value}#${next}` })
      },
    }
  }
  builder
    .stream('in', { key: text, value: text })
    .process(counted, { name: 'number', stores: [Stores.keyValueStore('numbers', { key: text, value: numbers })], key: text, value: text })
    .process(
      processor((record, context) => {
        context.forward({ ...record, value: `${record.value}-` })
        if (record.value.includes('bad')) {
          throw new Error('after it has forwarded')
        }
        context.forward({ ...record, value: `${record.value}+` })
      }),
      { name: 'twice', onError: { processing: 'dead-letter' }, key: text, value: text }
    )
    .mapAsync(
      async (value, { idempotencyKey }) => {
        await (value.length % 2 === 0 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)))
        if (value.includes('#3') && !tried.has(idempotencyKey)) {
          tried.add(idempotencyKey)
          throw new Error('first try')
        }
        return value.toUpperCase()
      },
      { name: 'call', concurrency: 3, maxPending: 5, retry: { attempts: 3, backoffMs: 10 }, circuitBreaker: { minimumRecords: 1, window: 2, openFor: 15, probes: 1 }, value: text, input: { key: text, value: text } }
    )
    .selectKey((_key, value) => value.slice(0, 1), { key: text })
    .groupByKey({ name: 'by-first', key: text, value: text })
    .count({ name: 'totals', key: text, value: numbers })
    .toStream()
    .to('out', { key: text, value: numbers })
}

type Step =
  | { readonly do: 'pipe'; readonly key: string; readonly value: string }
  | { readonly do: 'abort' | 'restart' | 'restore' | 'commit' | 'tick' | 'time' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pipe' as const), key: fc.constantFrom('a', 'b', 'c'), value: fc.constantFrom('x', 'yy', 'bad', 'z') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'restart' as const, 'restore' as const, 'commit' as const, 'tick' as const, 'time' as const) }) }
)

async function finish(driver: TopologyTestDriver) {
  for (let i = 0; i < 6; i++) {
    await driver.settle()
    driver.commit()
  }
  const byKey = new Map<string | null, unknown[]>()
  for (const [key, value] of driver.createOutputTopic('out', text, numbers).readKeyValuesToList()) {
    byKey.set(key, [...(byKey.get(key) ?? []), value])
  }
  return {
    out: [...byKey].sort(([a], [b]) => (a! < b! ? -1 : 1)),
    numbers: [...driver.getKeyValueStore('numbers').all()],
    totals: [...driver.getKeyValueStore('totals').all()],
    deadLetters: driver.deadLetters().map(({ value, headers }) => [Buffer.from(value!).toString(), headers['__streams.errors.offset']]),
    pending: driver.inFlight().map(({ pending }) => pending),
  }
}

t.test('random aborts, kills, lost disks and commits give what an undisturbed run gives', async (t) => {
  let disturbances = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.constantFrom(1, 2, 3, 7, Number.POSITIVE_INFINITY), fc.boolean(), async (steps, commitEvery, pipelined) => {
      const disturbed = new TopologyTestDriver(topology, { commitEvery, pipelined })
      const calm = new TopologyTestDriver(topology)
      const inputs = [disturbed, calm].map((driver) => driver.createInputTopic('in', text, text))
      for (const [i, each] of steps.entries()) {
        switch (each.do) {
          case 'pipe':
            for (const input of inputs) {
              input.pipeInput(each.key, each.value, i)
            }
            break
          case 'tick':
            await disturbed.tick()
            break
          case 'time':
            disturbed.advanceWallClockTime(20)
            break
          default:
            disturbed[each.do]()
            disturbances++
        }
      }
      t.strictSame(await finish(disturbed), await finish(calm))
      await disturbed.close()
      await calm.close()
      return t.passing()
    }),
    { numRuns: 80 }
  )
  t.ok(disturbances > 50, `${disturbances} disturbances`)
})

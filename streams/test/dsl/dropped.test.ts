/** Records an operator cannot use are counted, with the node and the reason. */
import t from 'tap'
import { OldValues } from '../../dsl/change.ts'
import { dropNullKeys } from '../../dsl/operators/drop-null-keys.ts'
import { streamAggregate } from '../../dsl/operators/stream-aggregate.ts'
import { streamTableJoin } from '../../dsl/operators/stream-table-join.ts'
import { tableSource } from '../../dsl/operators/table-source.ts'
import type { MeteredContext } from '../../graph/dropped.ts'
import { NO_HEADERS, type Processor, type ProcessorContext } from '../../index.ts'

/** Runs a processor on records without a store; returns what was dropped and what came out. */
function run<VIn, VOut>(
  processor: Processor<string | null, VIn | null, string | null, VOut>,
  records: readonly (readonly [string | null, VIn | null])[]
) {
  const dropped: string[] = []
  const forwarded: unknown[] = []
  const store = { get: () => undefined, put: () => undefined }
  const context = {
    getStateStore: () => store,
    forward: ({ key, value }: { key: unknown; value: unknown }) => forwarded.push([key, value]),
    metrics: { dropped: (node: string, reason: string) => dropped.push(`${node}: ${reason}`) },
  } as unknown as ProcessorContext<string | null, VOut> & MeteredContext
  processor.init?.(context)
  for (const [key, value] of records) {
    processor.process({ key, value, timestamp: 1, headers: NO_HEADERS })
  }
  return { dropped, forwarded }
}

t.test('an aggregation', async (t) => {
  const aggregation = { store: 's', first: (_key: string | null, value: string | null) => value, next: () => null }
  t.same(
    run(streamAggregate<string | null, string | null, string>('count', aggregation, new OldValues()), [
      [null, 'a'],
      ['k', null],
      ['k', 'b'],
    ]),
    { dropped: ['count: null-key-or-value', 'count: null-key-or-value'], forwarded: [['k', { newValue: 'b', oldValue: null }]] }
  )
})

t.test('a table', async (t) => {
  t.same(run(tableSource<string | null, string>('rows', 's'), [[null, 'a']]), { dropped: ['rows: null-key'], forwarded: [] })
})

t.test('a join', async (t) => {
  const join = (left: boolean) =>
    streamTableJoin<string | null, string | null, string | null, string, string>('join', {
      table: { stores: [], open: () => () => undefined },
      tableKey: (key) => key,
      joiner: (value, row) => `${value}-${row}`,
      left,
    })
  const records = [
    [null, 'a'],
    ['k', null],
    ['k', 'b'],
  ] as const
  t.same(run(join(false), records), { dropped: ['join: null-join-key', 'join: null-value'], forwarded: [] }, 'no partner is no drop')
  t.same(run(join(true), records), {
    dropped: ['join: null-value'],
    forwarded: [
      [null, 'a-null'],
      ['k', 'b-null'],
    ],
  })
})

t.test('a repartition', async (t) => {
  t.same(run(dropNullKeys<string | null, string | null>('r', { keep: false }), [[null, 'a']]), { dropped: ['r: null-key'], forwarded: [] })
  t.same(run(dropNullKeys<string | null, string | null>('r', { keep: true }), [[null, 'a']]), { dropped: [], forwarded: [[null, 'a']] })
})

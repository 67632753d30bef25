import * as api from '@opentelemetry/api'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { PrintedTraces } from './printed-traces.ts'
import topology, { type Sale } from './topology.ts'

t.test('one trace from the sale to its count, through a call and a repartition topic', async (t) => {
  const lines: string[][] = []
  const traces = new PrintedTraces((line) => lines.push(line.split(/ (?=[0-9a-f]{32}\/|<|→)/)))
  api.trace.setGlobalTracerProvider(traces)
  const driver = new TopologyTestDriver(topology, { tracing: api, applicationId: 'sales' })
  t.teardown(() => driver.close())
  const sales = driver.createInputTopic('sales', Serdes.string(), Serdes.json<Sale>())
  const trace = 'c'.repeat(32)
  sales.pipeInput('1', { customer: 'ada', amount: 5 }, 0, [{ key: 'traceparent', value: Buffer.from(`00-${trace}-${'d'.repeat(16)}-01`) }])
  await driver.settle()
  t.same(lines.map(([name]) => name), ['process sales', 'call tax', 'process tax', 'process sales-sales-per-customer-repartition'])
  const span = lines.map(([, ids]) => ids!.split('/')[1]!)
  t.ok(lines.every(([, ids]) => ids!.startsWith(trace)), 'one trace')
  t.same(lines.map(([, , parent]) => parent!.slice(2)), ['d'.repeat(16), span[0], span[0], span[2]])
  sales.pipeInput('2', { customer: 'ada', amount: 6 })
  await driver.settle()
  t.equal(lines.at(-1)!.at(-1), `→ ${span[3]}`, 'a count is linked with the one before')
})

import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Minute, type Request } from './topology.ts'

const second = 1_000
const minute = 60 * second

t.test('a minute is told once, when no request can come for it any more; what is later is set aside', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const requests = driver.createInputTopic('requests', Serdes.string(), Serdes.json<Request>())
  const report = driver.createOutputTopic('error-report', Serdes.string(), Serdes.json<Minute>())
  const late = driver.createOutputTopic('late-requests', Serdes.string(), Serdes.string())
  const fail = (at: number) => requests.pipeInput('host', { path: '/pay', status: 503 }, at)
  fail(5 * second)
  requests.pipeInput('host', { path: '/pay', status: 200 }, 6 * second)
  fail(50 * second)
  fail(minute + 5 * second)
  fail(59 * second)
  t.equal(report.size, 0, 'the minute is over, its grace is not')
  fail(minute + 15 * second)
  t.same(report.readValuesToList(), [{ path: '/pay', minute: '1970-01-01T00:00', errors: 3 }])
  fail(58 * second)
  t.same(late.readValuesToList(), ['/pay'])
  fail(2 * minute + 20 * second)
  t.same(report.readValuesToList(), [{ path: '/pay', minute: '1970-01-01T00:01', errors: 2 }])
})

import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { accounts, type Transfer } from './topology.ts'

t.test('bad records are set aside with their reason, the others go on; a replay takes the same way', async (t) => {
  const driver = new TopologyTestDriver(topology, { applicationId: 'bank' })
  t.teardown(() => driver.close())
  const transfers = driver.createInputTopic('transfers', Serdes.string(), Serdes.json<Transfer>())
  const balances = driver.createOutputTopic('balances', Serdes.string(), Serdes.long())
  transfers.pipeInput('t-1', { account: 'giro', cents: 500 })
  transfers.pipeRaw(Buffer.from('t-2'), Buffer.from('{not json'))
  transfers.pipeInput('t-3', { account: 'stocks', cents: 100 })
  transfers.pipeInput('t-4', { account: 'giro', cents: -200 })
  t.same(balances.readKeyValuesToList(), [['giro', 500], ['giro', 300]])

  const [unreadable, unknown] = driver.deadLetters()
  t.equal(unreadable!.headers['__streams.errors.code'], 'DESERIALIZATION_FAILED')
  t.equal(unreadable!.value!.toString(), Buffer.from('{not json').toString(), 'the raw bytes are kept')
  t.match(unknown!.headers, {
    '__streams.errors.code': 'PROCESSING_FAILED',
    '__streams.errors.cause': 'ACCOUNT_UNKNOWN',
    '__streams.errors.node': 'book',
    '__streams.errors.topic': 'transfers',
    '__streams.errors.offset': '2',
  })

  accounts.add('stocks')
  const retries = driver.createInputTopic('bank-transfers-retry', Serdes.string(), Serdes.json<Transfer>())
  retries.pipeRaw(unknown!.key, unknown!.value)
  t.same(balances.readKeyValuesToList(), [['stocks', 100]])
})

import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { calls } from './profile-service.ts'
import topology, { type SignUp } from './topology.ts'

t.test('results of a key come in its order, retries happen inside, a hopeless call becomes a dead letter', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const signUps = driver.createInputTopic('sign-ups', Serdes.string(), Serdes.json<SignUp>())
  const profiles = driver.createOutputTopic('profiles', Serdes.string(), Serdes.json<SignUp & { plan: string }>())
  signUps.pipeInput('1', { user: 'busy!', tenant: 'a' })
  signUps.pipeInput('1', { user: 'bob', tenant: 'a' })
  signUps.pipeInput('2', { user: 'adam', tenant: 'b' })
  signUps.pipeInput('3', { user: '', tenant: 'b' })
  t.equal(profiles.size, 0, 'nothing waits for a call')
  await driver.settle()
  const rows = profiles.readKeyValuesToList()
  t.same(rows.filter(([key]) => key === '1').map(([, row]) => row!.user), ['busy!', 'bob'])
  t.same(rows.find(([key]) => key === '2')![1], { user: 'adam', tenant: 'b', plan: 'paid' })
  t.equal(calls.get('busy!'), 2)
  const [letter] = driver.deadLetters()
  t.equal(letter!.headers['__streams.errors.cause'], 'NO_SUCH_USER')
  t.equal(letter!.headers['__streams.errors.attempts'], '1', 'an error that is permanent is not tried again')
})

t.test('calls that were pending when the process died are made again', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const signUps = driver.createInputTopic('sign-ups', Serdes.string(), Serdes.json<SignUp>())
  const profiles = driver.createOutputTopic('profiles', Serdes.string(), Serdes.json<SignUp>())
  signUps.pipeInput('1', { user: 'eve', tenant: 'a' })
  t.match(driver.inFlight(), [{ operator: 'look-up', pending: 1 }])
  driver.restore()
  await driver.settle()
  t.same(profiles.readValuesToList().map((row) => row!.user), ['eve'], 'once, though the call was made twice')
})

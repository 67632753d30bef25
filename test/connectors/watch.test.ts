import t from 'tap'
import { taskFailure } from '../../connectors/failure.ts'
import { BACKOFF_MS, blocked, type Sighting, transition, TRUSTED_AFTER_MS, type Watch } from '../../connectors/watch.ts'

const sighting = (part: Partial<Sighting>): Sighting => ({ failed: true, storeFailure: false, position: 'at t-0:5', now: 0, ...part })

/** Lets a connector fail at every look until the supervisor wants something done. */
function failUntil(watch: Watch, part: (now: number) => Partial<Sighting>, wanted: string, begin = 0): { watch: Watch; now: number; restarts: number[] } {
  const restarts: number[] = []
  let current = watch
  for (let now = begin; now < begin + 3_600_000; now += 500) {
    const next = transition(current, sighting({ now, ...part(now) }))
    current = next.watch
    if (next.action === 'restart') {
      restarts.push(now)
    }
    if (next.action === wanted) {
      return { watch: current, now, restarts }
    }
  }
  throw new Error(`no ${wanted} in an hour`)
}

t.test('what runs is left alone', async (t) => {
  t.same(transition({ state: 'healthy' }, sighting({ failed: false })), { watch: { state: 'healthy' }, action: 'none' })
})

t.test('a failed task is restarted after a pause', async (t) => {
  const failed = transition({ state: 'healthy' }, sighting({ now: 1_000 }))
  t.same(failed, { watch: { state: 'waiting', attempt: 1, restartAt: 1_000 + BACKOFF_MS.first, position: 'at t-0:5' }, action: 'none' })
  t.equal(transition(failed.watch, sighting({ now: 1_999 })).action, 'none')
  t.same(transition(failed.watch, sighting({ now: 2_000 })), { watch: { state: 'restarted', attempt: 1, since: 2_000, position: 'at t-0:5' }, action: 'restart' })
})

t.test('while the store is away it is restarted with growing pauses, and no record is blamed', async (t) => {
  let current: Watch = { state: 'healthy' }
  const restarts: number[] = []
  for (let now = 0; now < 300_000; now += 500) {
    const { watch, action } = transition(current, sighting({ now, storeFailure: true }))
    current = watch
    t.not(action, 'probe')
    if (action === 'restart') {
      restarts.push(now)
    }
  }
  const pauses = restarts.slice(1).map((at, index) => at - restarts[index]!)
  t.ok(pauses.every((pause, index) => index === 0 || pause >= pauses[index - 1]!), 'pauses only grow')
  t.ok(pauses.at(-1)! >= BACKOFF_MS.most && pauses.at(-1)! <= BACKOFF_MS.most + 2_000, 'up to a limit')
})

t.test('the same place twice asks for a probe, progress in between does not', async (t) => {
  const { restarts } = failUntil({ state: 'healthy' }, () => ({}), 'probe')
  t.equal(restarts.length, 1)
  t.throws(() => failUntil({ state: 'healthy' }, (now) => ({ position: `at t-0:${now}` }), 'probe'), /no probe/)
  t.throws(() => failUntil({ state: 'healthy' }, () => ({ position: '' }), 'probe'), /no probe/, 'a source has no such place')
})

t.test('a blocked sink is tried again rarely, and is healthy again when it gets on', async (t) => {
  const { watch, now } = failUntil({ state: 'healthy' }, () => ({}), 'probe')
  const poison = [{ topic: 't', partition: 0, offset: 5, failure: taskFailure(undefined) }]
  const stuck = blocked(watch, poison, now)
  t.match(stuck, { state: 'blocked', poison })
  t.equal(transition(stuck, sighting({ now: now + BACKOFF_MS.most - 1 })).action, 'none')
  const again = transition(stuck, sighting({ now: now + BACKOFF_MS.most }))
  t.equal(again.action, 'restart')
  t.match(again.watch, { state: 'blocked', poison })
  t.same(transition(again.watch, sighting({ failed: false, position: 'at t-0:6', now })).watch, { state: 'healthy' })
})

t.test('a restarted connector is trusted when it gets on, or after a while', async (t) => {
  const watch: Watch = { state: 'restarted', attempt: 3, since: 0, position: 'at t-0:5' }
  t.same(transition(watch, sighting({ failed: false, now: 1 })).watch, watch)
  t.same(transition(watch, sighting({ failed: false, now: 1, position: 'at t-0:6' })).watch, { state: 'healthy' })
  t.same(transition(watch, sighting({ failed: false, now: TRUSTED_AFTER_MS })).watch, { state: 'healthy' })
})

t.test('a trace gives classes and states, never content', async (t) => {
  const trace = `org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:636)
Caused by: org.apache.kafka.connect.errors.ConnectException: JDBC sink connector failure
Caused by: java.sql.BatchUpdateException: Batch entry 0 INSERT INTO documents VALUES ('ACME SECRET GMBH') was aborted: ERROR: invalid input syntax for type json
Caused by: org.postgresql.util.PSQLException: ERROR: invalid input syntax for type json  Detail: Token "SECRET" is invalid.`
  const failure = taskFailure(trace)
  t.same(failure, { kind: 'unknown', summary: 'ConnectException ← BatchUpdateException ← PSQLException (SQL state 22P02)' })
})

t.test('a store that is away is told from a bad record', async (t) => {
  for (const text of [
    'org.postgresql.util.PSQLException: Connection to 127.0.0.1:5432 refused.\nCaused by: java.net.ConnectException: Connection refused',
    'org.postgresql.util.PSQLException: FATAL: the database system is starting up',
    'org.hibernate.exception.JDBCConnectionException: Unable to acquire JDBC Connection',
    'java.sql.SQLException: Acquisition timeout while waiting for new connection',
    'com.datastax.oss.driver.api.core.AllNodesFailedException: Could not reach any contact point',
    'org.postgresql.util.PSQLException: FATAL: password authentication failed for user "millrace_sink"',
    'org.postgresql.util.PSQLException: SSL error\nCaused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed'
  ]) {
    t.equal(taskFailure(text).kind, 'store', text)
  }
  t.equal(taskFailure('org.apache.kafka.connect.errors.ConnectException: JDBC sink connector failure').kind, 'unknown', "Connect's own class is no outage")
  t.same(taskFailure(undefined), { kind: 'unknown', summary: 'no stack trace' })
})

import t from 'tap'
import { connectionError, SaslRefused, TlsWanted } from '../../kafka/connection-error.ts'
import { isDisconnect } from '../../kafka/kafka-error.ts'
import { Silence } from '../../kafka/silence.ts'

const address = { nodeId: 3, host: 'kafka', port: 9092 }

function chain(...links: [message: string, code: string][]): Error {
  return links.reduceRight<Error | undefined>((cause, [message, code]) => Object.assign(new Error(message, { cause }), { code }), undefined)!
}

t.test('what can be tried again and what cannot', async (t) => {
  const refused = connectionError(address, '', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
  t.match(refused, { code: 'CONNECTION_FAILED', message: 'Broker 3 at kafka:9092: connect ECONNREFUSED.' })
  t.ok(isDisconnect(refused))
  const everywhere = new AggregateError([new Error('connect ECONNREFUSED ::1:9092'), new Error('connect ECONNREFUSED 127.0.0.1:9092')])
  t.match(connectionError(address, '', everywhere), { code: 'CONNECTION_FAILED', message: 'Broker 3 at kafka:9092: connect ECONNREFUSED ::1:9092.' })
  t.match(connectionError(address, '', new SaslRefused()), { code: 'AUTHORIZATION_FAILED', message: /kafka:9092 refused the SASL mechanism/ })

  for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID']) {
    t.match(connectionError(address, '', chain(['failed', 'NETWORK'], ['why', code])), { code: 'CONFIG_INVALID', message: /TLS failed: why/ })
  }
  t.match(connectionError(address, 'Fetch: ', new TlsWanted()), { code: 'CONFIG_INVALID', message: /set tls/ })
  t.match(connectionError(address, 'Fetch: ', 'odd'), { code: 'CONNECTION_FAILED', message: 'Broker 3 at kafka:9092: Fetch: odd.' })
})

t.test('brokers that do not answer are told of once, and again when they have answered meanwhile', async (t) => {
  const told: string[] = []
  let now = 0
  const silence = new Silence((message) => told.push(message), () => now)
  const error = connectionError(address, '', new Error('connect ECONNREFUSED'))
  const silentAt = (time: number) => {
    now = time
    silence.lasts(now - 10, error)
  }
  silentAt(100)
  silentAt(3_000)
  t.same(told, [], 'a broker may start again')
  silentAt(3_090)
  silentAt(60_000)
  t.same(told, ['No broker has answered for 3 s: Broker 3 at kafka:9092: connect ECONNREFUSED. They are asked again. Check bootstrapServers, and that tls and sasl are what this listener speaks.'])
  silence.end()
  silentAt(61_000)
  t.equal(told.length, 1, 'another silence, and a short one')
  silentAt(64_000)
  t.equal(told.length, 2)
  now = 70_000
  silence.end()
  silence.lasts(60_000, error)
  t.equal(told.length, 3, 'an attempt that took as long itself')
})

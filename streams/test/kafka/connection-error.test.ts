import t from 'tap'
import { connectionError, SaslRefused, TlsWanted } from '../../kafka/connection-error.ts'
import { isDisconnect } from '../../kafka/kafka-error.ts'

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

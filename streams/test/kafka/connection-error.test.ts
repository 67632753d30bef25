import t from 'tap'
import { connectionError } from '../../kafka/connection-error.ts'
import { isDisconnect } from '../../kafka/kafka-error.ts'

const address = { nodeId: 3, host: 'kafka', port: 9092 }

function chain(...links: [message: string, code: string][]): Error {
  return links.reduceRight<Error | undefined>((cause, [message, code]) => Object.assign(new Error(message, { cause }), { code }), undefined)!
}

t.test('what can be tried again and what cannot', async (t) => {
  const refused = connectionError(address, '', chain(['Connection failed.', 'PLT_KFK_NETWORK'], ['connect ECONNREFUSED', 'ECONNREFUSED']))
  t.match(refused, { code: 'CONNECTION_FAILED', message: 'Broker 3 at kafka:9092: connect ECONNREFUSED.' })
  t.ok(isDisconnect(refused))

  const credentials = chain(['Connection failed.', 'PLT_KFK_NETWORK'], ['SASL authentication failed.', 'PLT_KFK_AUTHENTICATION'], ['error', 'PLT_KFK_RESPONSE'])
  t.match(connectionError(address, '', credentials), { code: 'AUTHORIZATION_FAILED', message: /kafka:9092 refused the SASL mechanism/ })

  const cutDuringLogin = chain(['Cannot find a suitable SASL mechanism.', 'PLT_KFK_AUTHENTICATION'], ['Connection closed', 'PLT_KFK_NETWORK'])
  t.match(connectionError(address, '', cutDuringLogin), { code: 'CONNECTION_FAILED' }, 'nobody has judged the credentials')

  for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID']) {
    t.match(connectionError(address, '', chain(['failed', 'PLT_KFK_NETWORK'], ['why', code])), { code: 'CONFIG_INVALID', message: /TLS failed: why/ })
  }
  t.match(connectionError(address, 'Fetch: ', chain(['Broker requires TLS.', 'PLT_KFK_USER'])), { code: 'CONFIG_INVALID', message: /set tls/ })
  t.match(connectionError(address, 'Fetch: ', 'odd'), { code: 'CONNECTION_FAILED', message: 'Broker 3 at kafka:9092: Fetch: odd.' })
})

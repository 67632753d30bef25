/** Credentials that hold for a while (KIP-368), and connections that outlive what they were made for. */
import { createHmac, pbkdf2Sync } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Brokers } from '../../kafka/brokers.ts'
import type { SaslOptions } from '../../kafka/contract.ts'
import { METADATA } from '../../kafka/protocol/metadata.ts'
import { type Ask, authenticate } from '../../kafka/sasl.ts'
import { ScriptedBroker } from './scripted-broker.ts'

const REQUEST = { topics: [] }

async function started(t: Test, sasl: SaslOptions = { mechanism: 'PLAIN', username: 'a', password: 'b' }): Promise<{ broker: ScriptedBroker; brokers: Brokers }> {
  const broker = new ScriptedBroker(2)
  broker.sessionLifetimeMs = 20
  await broker.listen()
  const brokers = new Brokers({ bootstrapServers: [`127.0.0.1:${broker.port}`], clientId: 'test', sasl })
  t.teardown(() => {
    brokers.close()
    broker.close()
  })
  return { broker, brokers }
}

t.test('nothing is asked of a broker while it is shown the credentials again', async (t) => {
  const { broker, brokers } = await started(t)
  const connection = brokers.connections().to(-1)
  while (broker.shown.length < 4) {
    await Promise.all([connection.request(METADATA, REQUEST), connection.request(METADATA, REQUEST)])
  }
  t.equal(broker.connections, 1, 'it had no reason to close the connection')
})

t.test('a token that ends is followed by another one', async (t) => {
  let asked = 0
  const { broker, brokers } = await started(t, { mechanism: 'OAUTHBEARER', token: () => ({ value: `token-${++asked}`, expiresAt: Date.now() + 60 }) })
  const connection = brokers.connections().to(-1)
  while (broker.shown.length < 2 || broker.shown.at(-1) === broker.shown[0]) {
    // On a machine that stands still a token may have ended before it is used.
    await connection.request(METADATA, REQUEST).catch((error: unknown) => t.match(error, { code: 'CONNECTION_FAILED' }))
  }
  t.equal(broker.shown[0]?.replace(/\d+/, 'N'), 'n,,\u0001auth=Bearer token-N\u0001\u0001')
})

t.test('a token that is refused: the refusal is asked for, and is no lost connection', async (t) => {
  const { broker, brokers } = await started(t, { mechanism: 'OAUTHBEARER', token: 'old' })
  broker.challenge = '{"status":"invalid_token"}'
  await t.rejects(brokers.connections().to(-1).request(METADATA, REQUEST), { code: 'AUTHORIZATION_FAILED', message: /refused the SASL mechanism or its credentials/ })
  t.same(broker.shown, ['n,,\u0001auth=Bearer old\u0001\u0001', '\u0001'])
})

t.test('SCRAM: a server has to know the password, too', async (t) => {
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  /** RFC 5802 §3, the server's side, as far as it can be got wrong. */
  const server = ({ password = 'pencil', first = (nonce: string) => `r=${nonce}x,s=c2FsdA==,i=4096` }): Ask => {
    const said: string[] = []
    return async (api, request) => {
      if (api.name === 'SaslHandshake') {
        return { errorCode: 0 } as never
      }
      said.push((request as { bytes: Buffer }).bytes.toString())
      const firstBare = said[0]!.slice('n,,'.length)
      const serverFirst = first(firstBare.split(',r=')[1]!)
      const answer = (text: string): never => ({ errorCode: 0, bytes: Buffer.from(text), sessionLifetimeMs: 7 }) as never
      if (said.length === 1) {
        return answer(serverFirst)
      }
      const key = hmac(pbkdf2Sync(password, 'salt', 4096, 32, 'sha256'), 'Server Key')
      return answer(`v=${hmac(key, `${firstBare},${serverFirst},${said[1]!.split(',p=')[0]}`).toString('base64')}`)
    }
  }
  const scram = { mechanism: 'SCRAM-SHA-256', username: 'a=b,c', password: 'pencil' } as const
  t.equal(await authenticate(scram, server({})), 7, 'how long the credentials hold')
  const bad = [
    { password: 'pen' },
    ...['r=other,s=c2FsdA==,i=4096', 'e=unknown-user', 'x', ''].map((text) => ({ first: () => text })),
    { first: (nonce: string) => `r=${nonce}x,s=c2FsdA==,i=1` },
  ]
  for (const options of bad) {
    await t.rejects(authenticate(scram, server(options)), { message: /has not shown that it knows the password/ })
  }
  const lost = new Error('Connection closed')
  await t.rejects(authenticate(scram, async (api) => (api.name === 'SaslHandshake' ? ({ errorCode: 0 } as never) : Promise.reject(lost))), lost)
})

t.test('why there is no token is what the application hears', async (t) => {
  const { brokers } = await started(t, { mechanism: 'OAUTHBEARER', token: () => ({}) as never })
  await t.rejects(brokers.connections().to(-1).request(METADATA, REQUEST), { code: 'CONFIG_INVALID', message: /sasl\.token: the callback has given no token/ })
})

t.test('a connection that was closed takes no request, though its session ends later', async (t) => {
  const { broker, brokers } = await started(t)
  const connection = brokers.connections().to(-1)
  await connection.request(METADATA, REQUEST)
  broker.disconnect()
  await delay(3 * broker.sessionLifetimeMs)
  const { topics } = await connection.request(METADATA, REQUEST)
  t.equal(topics.length, 1)
})

t.test('a broker that has moved is not waited for where it was', async (t) => {
  const reached = Promise.withResolvers<void>()
  // Takes connections and says nothing.
  const before = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => reached.resolve())
  })
  await new Promise<void>((resolve) => before.listen(0, '127.0.0.1', resolve))
  const broker = new ScriptedBroker(2)
  await broker.listen()
  const brokers = new Brokers({ bootstrapServers: [`127.0.0.1:${broker.port}`], clientId: 'test' })
  t.teardown(() => {
    brokers.close()
    broker.close()
    before.close()
  })
  brokers.learn({ nodeId: 1, host: '127.0.0.1', port: (before.address() as AddressInfo).port })
  const connection = brokers.connections().to(1)
  const waiting = connection.request(METADATA, REQUEST)
  await reached.promise

  brokers.learn({ nodeId: 1, host: '127.0.0.1', port: broker.port })
  await t.rejects(waiting, { code: 'CONNECTION_FAILED' })
  const { topics } = await connection.request(METADATA, REQUEST)
  t.equal(topics.length, 1)
})

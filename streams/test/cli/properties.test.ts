import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UsageError } from '../../cli/command.ts'
import { clientOptions, parseProperties } from '../../cli/properties.ts'

function options(t: Test, text: string, files: { [name: string]: string } = {}) {
  const folder = t.testdir(files)
  const path = join(folder, 'client.properties')
  writeFileSync(path, text.replaceAll('DIR', folder))
  return clientOptions(path, [])
}

t.test('java.util.Properties: comments, separators, continued lines, escapes', async (t) => {
  const text = '# one\n! two\n a = b \nc:d\ne f\nlong=one,\\\n   two\npath=C:\\\\dir\\u0041\nkey\\ with\\=signs=v=w\nempty=\n'
  t.same([...parseProperties(text)], [['a', 'b '], ['c', 'd'], ['e', 'f'], ['long', 'one,two'], ['path', 'C:\\dirA'], ['key with=signs', 'v=w'], ['empty', '']])
})

t.test('SASL as Kafka writes it, and with plain names', async (t) => {
  const jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="ada" password="p \\"q\\" \\\\ =;";'
  t.same(options(t, `bootstrap.servers=a:1, b:2\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config=${jaas.replaceAll('\\', '\\\\')}\n`), {
    bootstrapServers: ['a:1', 'b:2'],
    clientId: 'millrace-cli',
    requestTimeoutMs: 30_000,
    tls: {},
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'ada', password: 'p "q" \\ =;' },
  })
  t.same(options(t, 'security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=p\n').sasl, { mechanism: 'PLAIN', username: 'u', password: 'p' })
})

t.test('TLS from PEM files', async (t) => {
  const files = { 'ca.pem': 'CA', 'client.pem': 'CERT+KEY' }
  t.same(options(t, 'security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=DIR/ca.pem\nssl.keystore.location=DIR/client.pem\n', files).tls, { ca: 'CA', cert: 'CERT+KEY', key: 'CERT+KEY' })
  t.same(options(t, 'security.protocol=SSL\nssl.ca.location=DIR/ca.pem\n', files).tls, { ca: 'CA' })
})

t.test('what cannot be used is named, values are not', async (t) => {
  const wrong: [string, RegExp][] = [
    ['security.protocol=TLS', /security.protocol must be one of PLAINTEXT/],
    ['security.protocol=SASL_SSL', /sasl.mechanism must be one of PLAIN/],
    ['security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.password=hunter2', /sasl.username/],
    ['security.protocol=SSL\nssl.truststore.location=/x/trust.jks', /must be PEM/],
    ['security.protocol=SSL\nssl.certificate.location=/x/no.pem', /no.pem cannot be read/],
    ['acks=all', /acks is not known here/],
    ['request.timeout.ms=soon', /whole number/],
  ]
  for (const [text, message] of wrong) {
    t.throws(() => options(t, text), { constructor: UsageError, message })
    t.throws(() => options(t, text), { message: /^(?!.*hunter2)/ })
  }
})

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { avroSerde, Registry, schemaText } from '../../../avro/index.ts'
import { composeSchema, schemaFiles } from '../../../avro/schema-files.ts'
import type { SchemaName } from '../../../avro/types.ts'

const file = process.env['MILLRACE_STACK']
if (file === undefined) {
  throw new Error('MILLRACE_STACK must name the JSON file that "npm run stack -- up" wrote.')
}
const { registry: url } = JSON.parse(readFileSync(file, 'utf8')) as { registry: string }
const registry = new Registry({ url })
const run = `t${randomBytes(4).toString('hex')}`
t.teardown(() => registry.close())

t.test('every schema registers, and the registry gives back the text that was given', async (t) => {
  for (const name of schemaFiles().keys()) {
    const id = await registry.register(`${run}.${name}-value`, schemaText(name))
    t.equal(await registry.register(`${run}.${name}-value`, schemaText(name)), id, `${name} keeps its id`)
    const fresh = new Registry({ url })
    await fresh.fetch(id)
    t.same(JSON.parse(fresh.peek(id)!), composeSchema(name), name)
    fresh.close()
  }
})

t.test('processes that start together register once', async (t) => {
  const others = Array.from({ length: 6 }, () => new Registry({ url }))
  const ids = await Promise.all(others.map((other) => other.register(`${run}.together-value`, schemaText('Tenant'))))
  t.equal(new Set(ids).size, 1)
  for (const other of others) {
    other.close()
  }
})

t.test('a schema that cannot read what was written is refused', async (t) => {
  const subject = `${run}.evolves-value`
  const schema = composeSchema('ExchangeRate')
  await registry.register(subject, JSON.stringify(schema))
  const withDefault = { ...schema, fields: [...schema.fields, { name: 'note', type: ['null', 'string'], default: null }] }
  const withoutDefault = { ...schema, fields: [...schema.fields, { name: 'note', type: 'string' }] }
  const changedType = { ...schema, fields: schema.fields.map((field) => (field.name === 'rate' ? { ...field, type: 'long' } : field)) }
  await t.rejects(registry.register(subject, JSON.stringify(withoutDefault)), { code: 'SCHEMA_INCOMPATIBLE' })
  await t.rejects(registry.register(subject, JSON.stringify(changedType)), { code: 'SCHEMA_INCOMPATIBLE' })
  await registry.register(subject, JSON.stringify(withDefault))
  const { compatibilityLevel } = (await (await fetch(`${url}/config/${subject}?defaultToGlobal=true`)).json()) as { compatibilityLevel: string }
  t.equal(compatibilityLevel, 'BACKWARD')
})

t.test('a first version cannot be followed by an incompatible one even before its subject has a setting', async (t) => {
  const { compatibilityLevel } = (await (await fetch(`${url}/config`)).json()) as { compatibilityLevel: string }
  t.equal(compatibilityLevel, 'BACKWARD')
})

t.test('what one process writes another reads by the id alone', async (t) => {
  const name: SchemaName = 'ExchangeRate'
  const writer = avroSerde(registry, `${run}.rates-value`, name)
  await writer.open()
  const rate = { from: 'USD', to: 'EUR', date: '2026-10-01', rate: '0.9123', source: 'test' }
  const bytes = writer.serialize('rates', rate)
  const elsewhere = new Registry({ url })
  const reader = avroSerde(elsewhere, `${run}.rates-value`, name)
  await elsewhere.fetch(writer.schemaId)
  t.same({ ...reader.deserialize('rates', bytes) }, rate)
  await t.rejects(elsewhere.fetch(2_000_000_000), { code: 'SCHEMA_UNKNOWN' })
  elsewhere.close()
})

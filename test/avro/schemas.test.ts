import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import t from 'tap'
import { generateTypes } from '../../avro/generate.ts'
import { composeSchema, schemaFiles, schemaText, type RecordNode } from '../../avro/schema-files.ts'
import { VocabularyType } from '../../avro/vocabulary.ts'

const KEY_SCHEMA =
  '{"type":"record","name":"DocumentKey","namespace":"io.millrace.documents","doc":"Key of the topics that end in a sink. Never changes: a framed key is partitioned by its bytes, schema id included.","fields":[{"name":"tenant_id","type":"string","doc":"Tenant."},{"name":"document_id","type":"string","doc":"UUID of the document."}]}'

const logicalTypes = { vocabulary: VocabularyType }

t.test('types.ts is what the schemas say', async (t) => {
  t.equal(readFileSync(new URL('../../avro/types.ts', import.meta.url), 'utf8'), generateTypes(), 'run: node avro/generate.ts')
})

t.test('every schema stands alone and is documented', async (t) => {
  for (const [name, file] of schemaFiles()) {
    const type = avsc.Type.forSchema(composeSchema(name) as avsc.Schema, { logicalTypes })
    t.equal(type.name, `io.millrace.documents.${name}`)
    t.ok(file.doc, `${name} says what it is`)
    for (const field of file.fields) {
      t.ok(field.doc, `${name}.${field.name} says what it is`)
    }
  }
})

t.test('what is optional is null first with default null, as sinks need it', async (t) => {
  for (const [name, file] of schemaFiles()) {
    for (const { name: field, type, default: fallback } of file.fields) {
      if (Array.isArray(type)) {
        t.equal(type.length, 2, `${name}.${field} is one type or null`)
        t.equal(type[0], 'null', `${name}.${field}`)
        t.equal(fallback, null, `${name}.${field}`)
      }
    }
  }
})

t.test('rows for sinks are flat', async (t) => {
  for (const name of ['DocumentKey', 'DocumentRow', 'LifecycleEvent', 'ChunkKey', 'DocumentChunk']) {
    for (const { name: field, type } of schemaFiles().get(name)!.fields) {
      const plain = Array.isArray(type) ? type[1] : type
      const kind = typeof plain === 'string' ? plain : (plain as { type: string }).type
      t.ok(['string', 'int', 'long', 'double', 'boolean'].includes(kind), `${name}.${field} is a ${kind}`)
      t.match(field, /^[a-z0-9_]+$/)
    }
  }
})

t.test('the key of the sinks never changes', async (t) => {
  // a framed key is partitioned by its bytes: a new schema id would send a document's rows to another partition
  t.same(
    (schemaFiles().get('DocumentKey') as RecordNode).fields.map(({ name, type }) => ({ name, type })),
    [{ name: 'tenant_id', type: 'string' }, { name: 'document_id', type: 'string' }]
  )
  t.equal(schemaText('DocumentKey'), KEY_SCHEMA)
  t.same(schemaFiles().get('ChunkKey')!.fields.map(({ name, type }) => ({ name, type })), [{ name: 'tenant_id', type: 'string' }, { name: 'document_id', type: 'string' }, { name: 'chunk', type: 'int' }])
})

t.test('a schema that is not there is named', async (t) => {
  t.throws(() => composeSchema('Nothing'), { code: 'SCHEMA_FILE_INVALID', message: /Nothing\.avsc/ })
})

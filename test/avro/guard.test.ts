import avsc from 'avsc'
import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { AvroError } from '../../avro/errors.ts'
import { createGuard } from '../../avro/guard.ts'
import { composeSchema, schemaFiles } from '../../avro/schema-files.ts'
import { VocabularyType } from '../../avro/vocabulary.ts'

const forSchema = (schema: unknown) => avsc.Type.forSchema(schema as avsc.Schema, { logicalTypes: { vocabulary: VocabularyType } })

/** Avro's own integer encoding, to write hostile counts. */
function long(value: bigint): Buffer {
  const bytes: number[] = []
  for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
    if (rest < 0x80n) {
      return Buffer.from([...bytes, Number(rest)])
    }
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

const refused = { name: 'AvroError', code: 'BYTES_INVALID' }

t.test('lengths and counts beyond the record are refused', async (t) => {
  const bytes = createGuard(forSchema('bytes'))
  const string = createGuard(forSchema('string'))
  for (const count of [2n, 2_000_000_000n, 2n ** 40n, 2n ** 62n, -1n, -(2n ** 62n)]) {
    t.throws(() => bytes(Buffer.concat([long(count), Buffer.from([1])])), refused, `bytes of length ${count}`)
    t.throws(() => string(Buffer.concat([long(count), Buffer.from([1])])), refused, `a string of length ${count}`)
  }
  for (const items of ['null', 'long', { type: 'record', name: 'Empty', fields: [] }, { type: 'fixed', name: 'Nothing', size: 0 }]) {
    const array = createGuard(forSchema({ type: 'array', items }))
    for (const count of [1000n, 2_000_000_000n, 2n ** 53n, -2_000_000_000n]) {
      t.throws(() => array(Buffer.concat([long(count), Buffer.from([2, 0, 0])])), refused, `${count} items of ${JSON.stringify(items)}`)
    }
  }
  const map = createGuard(forSchema({ type: 'map', values: 'null' }))
  t.throws(() => map(Buffer.concat([long(1_000_000n), Buffer.from([0])])), refused)
})

t.test('many blocks of items without bytes cost no more than the record is long', async (t) => {
  const guard = createGuard(forSchema({ type: 'array', items: 'null' }))
  const block = long(100_000n)
  const blocks = Buffer.concat([...Array.from({ length: 100_000 }, () => block), Buffer.from([0])])
  const begin = performance.now()
  t.throws(() => guard(blocks), refused)
  t.ok(performance.now() - begin < 20_000, 'ten billion items were not walked')
})

t.test('numbers, booleans, branches and block sizes must be what they say', async (t) => {
  const number = createGuard(forSchema('long'))
  number(long(BigInt(Number.MAX_SAFE_INTEGER)))
  number(long(-BigInt(Number.MAX_SAFE_INTEGER)))
  t.throws(() => number(long(2n ** 53n)), refused)
  t.throws(() => number(long(-(2n ** 62n))), refused)
  t.throws(() => number(Buffer.alloc(11, 0xff)), refused, 'more than ten bytes')
  t.throws(() => number(Buffer.from([0x80])), refused, 'cut off')
  t.throws(() => createGuard(forSchema('int'))(long(2n ** 31n)), refused)
  t.throws(() => createGuard(forSchema('boolean'))(Buffer.from([2])), refused)
  t.throws(() => createGuard(forSchema(['null', 'string']))(Buffer.from([4])), refused)
  t.throws(() => createGuard(forSchema(['null', 'string']))(Buffer.from([1])), refused, 'branch -1')
  t.throws(() => createGuard(forSchema({ type: 'enum', name: 'E', symbols: ['A'] }))(Buffer.from([2])), refused)
  const array = createGuard(forSchema({ type: 'array', items: 'int' }))
  array(Buffer.concat([long(-1n), long(1n), long(5n), long(0n)]))
  t.throws(() => array(Buffer.concat([long(-1n), long(2n), long(5n), long(0n)])), refused, 'a wrong block size')
  t.throws(() => number(Buffer.from([2, 0])), refused, 'left over')
})

t.test('a recursive schema cannot overflow the stack', async (t) => {
  const node = forSchema({ type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] })
  const guard = createGuard(node)
  guard(Buffer.from([...Array.from({ length: 50 }, () => 2), 0]))
  t.throws(() => guard(Buffer.from([...Array.from({ length: 1_000_000 }, () => 2), 0])), refused)
})

t.test('whatever avsc writes passes', async (t) => {
  for (const [name] of schemaFiles()) {
    const type = forSchema(composeSchema(name))
    if (JSON.stringify(composeSchema(name)).includes('vocabulary')) {
      continue // avsc cannot make random words; the serde's tests write these
    }
    const guard = createGuard(type)
    for (let index = 0; index < 50; index++) {
      guard(type.toBuffer(type.random()))
    }
  }
  const all = forSchema({
    type: 'record', name: 'All',
    fields: [
      { name: 'a', type: { type: 'map', values: { type: 'array', items: ['null', 'double'] } } }, { name: 'b', type: 'float' }, { name: 'c', type: 'boolean' },
      { name: 'd', type: { type: 'fixed', name: 'F', size: 7 } }, { name: 'e', type: { type: 'enum', name: 'E', symbols: ['X', 'Y'] } }, { name: 'f', type: 'int' },
      { name: 'g', type: ['string', 'bytes'] }
    ]
  })
  const guard = createGuard(all)
  for (let index = 0; index < 300; index++) {
    guard(all.toBuffer(all.random()))
  }
  t.pass('all of them')
})

t.test('random bytes are refused or decode, and never crash, hang or take memory', async (t) => {
  for (const name of ['DocumentReceived', 'DocumentProcessed', 'DocumentRow', 'RuleSet', 'Tenant']) {
    const type = forSchema(composeSchema(name))
    const guard = createGuard(type)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (random) => {
        const bytes = Buffer.from(random)
        try {
          guard(bytes)
        } catch (error) {
          return error instanceof AvroError && error.code === 'BYTES_INVALID'
        }
        try {
          type.fromBuffer(bytes)
        } catch (error) {
          // a word outside its vocabulary: the one thing the guard leaves to the decoder
          return (error as Error).message.includes('vocabulary')
        }
        return true
      }),
      { numRuns: 2_000 }
    )
  }
  t.pass('all of them')
})

t.test('a valid record with any byte changed is refused or decodes', async (t) => {
  const type = forSchema(composeSchema('DocumentKey'))
  const guard = createGuard(type)
  const valid = type.toBuffer({ tenant_id: 'acme', document_id: 'b5b3c1de-0000-5000-8000-000000000001' })
  for (let position = 0; position < valid.length; position++) {
    for (let byte = 0; byte < 256; byte++) {
      const bytes = Buffer.from(valid)
      bytes[position] = byte
      let passed = true
      try {
        guard(bytes)
      } catch (error) {
        passed = false
        if (!(error instanceof AvroError)) {
          t.fail(`byte ${position} = ${byte}: ${String(error)}`)
        }
      }
      if (passed) {
        type.fromBuffer(bytes)
      }
    }
  }
  t.pass('every one of them')
})

import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { storableJson, storableText } from '../../connectors/index.ts'

t.test('what every store takes stays as it is', async (t) => {
  for (const text of ['', 'plain', 'Ünïcode 漢字 🧾', '\t\r\n\u0001\u007f']) {
    t.equal(storableText(text), text)
  }
})

t.test('U+0000 and halves of pairs are replaced', async (t) => {
  t.equal(storableText('a\u0000b\u0000'), 'a\ufffdb\ufffd')
  t.equal(storableText('a\ud800b'), 'a\ufffdb')
  t.equal(storableJson({ 'k\u0000': ['\ud800', { deep: '\u0000' }], n: 1, z: null }), '{"k\ufffd":["\ufffd",{"deep":"\ufffd"}],"n":1,"z":null}')
})

t.test('no JSON text carries an escape PostgreSQL refuses', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = storableJson(value)
      JSON.parse(text)
      return !/(?<!\\)(?:\\\\)*\\u(?:0000|[dD][89a-fA-F])/.test(text)
    })
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => storableText(text).isWellFormed() && !storableText(text).includes('\u0000')))
  t.pass('whatever the value')
})

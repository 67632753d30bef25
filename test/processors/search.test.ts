import t from 'tap'
import { answerRequest, citedParts, chunksOf } from '../../processors/search/index.ts'
import type { DocumentText, TextLine } from '../../processors/types.ts'
import { page } from './fixtures/text.ts'

function onPages(...pages: readonly (readonly TextLine[])[]): DocumentText {
  return { ...page([]), pages: pages.map((lines, n) => ({ number: n + 1, width: 600, height: 800, lines })) }
}

const line = (text: string, x: number, y: number): TextLine => ({ text, box: { x, y, width: 5 * text.length, height: 10 }, confidence: 1 })

t.test('rows stay rows, paragraphs stay whole, pages stay apart', async (t) => {
  const text = onPages(
    [line('Invoice', 50, 40), line('77', 300, 41), line('Oak shelf', 50, 100), line('12.00', 300, 100)],
    [line('Terms', 50, 40)],
  )
  t.same(chunksOf(text), [{ page: 1, text: 'Invoice 77\nOak shelf 12.00' }, { page: 2, text: 'Terms' }])
  const prose = 'word '.repeat(12).trim()
  const long = onPages(Array.from({ length: 40 }, (_, n) => line(`${n} ${prose}`, 50, 40 + (n % 8 === 0 ? 30 : 0) + 12 * n + 30 * Math.floor(n / 8))))
  const chunks = chunksOf(long)
  t.ok(chunks.length > 2 && chunks.every((chunk) => chunk.text.length <= 1_200))
  for (const [n, chunk] of chunks.entries()) {
    const rows = chunk.text.split('\n')
    const before = chunks[n - 1]?.text.split('\n') ?? []
    t.ok(n === 0 || before.includes(rows[0]!), 'begins with rows of the one before')
  }
  t.equal(new Set(chunks.flatMap((chunk) => chunk.text.split('\n'))).size, 40, 'every row is in one')
})

t.test('columns of prose are read one after the other, tables are not', async (t) => {
  const left = ['The first column begins with this', 'and goes on in its second row and', 'ends here, before the other begins']
  const right = ['The second column is beside it but', 'is read after it, as people do who', 'know how a page of text is made']
  const [chunk] = chunksOf(onPages(left.flatMap((text, n) => [line(text, 50, 40 + 12 * n), line(right[n]!, 320, 40 + 12 * n)])))
  t.equal(chunk!.text, [...left, ...right].join('\n'))
  const [table] = chunksOf(onPages(left.flatMap((text, n) => [line(text, 50, 40 + 12 * n), line('12.00', 500, 40 + 12 * n)])))
  t.equal(table!.text, left.map((text) => `${text} 12.00`).join('\n'))
})

t.test('whatever stands there, chunks are bounded, well-formed and the same again', async (t) => {
  const pieces = ['a', 'zwei ', '\ud83d\ude00', '\u0000', '漢字', ' ', 'x'.repeat(700), '\n', 'tail']
  for (let turn = 0; turn < 40; turn += 1) {
    const text = onPages(Array.from({ length: turn }, (_, n) => line(pieces[(turn * n + 3 * n) % pieces.length]!.repeat(1 + ((turn + n * n) % 90)), (n % 3) * 200, 40 + ((turn % 9) + 4) * n)))
    const chunks = chunksOf(text)
    t.same(chunks, chunksOf(text))
    t.ok(chunks.every((chunk) => chunk.text.length <= 1_200 && chunk.text.isWellFormed()), `turn ${turn}`)
  }
  t.equal(chunksOf(onPages(Array.from({ length: 900 }, (_, n) => line('x'.repeat(400), 50, 40 + 12 * n))), { maxChunks: 5 }).length, 5)
  t.same(chunksOf(onPages([])), [])
})

t.test('an e-invoice without pages is found by the words of its elements', async (t) => {
  const xml = `<?xml version="1.0"?><Invoice><!-- no --><Name>Alder &amp; S&#xf6;hne</Name><Total currencyID="EUR">119.00</Total><Binary>${'QUJD'.repeat(80)}</Binary></Invoice>`
  t.same(chunksOf({ ...onPages(), route: 'e-invoice-xml', eInvoice: { syntax: 'ubl', profile: '', xml } }), [{ text: 'Alder & Söhne\n119.00' }])
})

const passages = [{ text: 'Invoice INV-77 of 2026-05-03\nTotal 1,234.50 EUR payable within thirty days' }, { text: 'Oak shelves are delivered to the warehouse in Bremen' }]

async function parts(answer: string, question = 'What is the total?'): Promise<{ text: string; citations: readonly number[] }[]> {
  const pieces = async function* () {
    for (let at = 0; at < answer.length; at += 3) {
      yield answer.slice(at, at + 3)
    }
  }
  const found = []
  for await (const part of citedParts(pieces(), question, passages)) {
    found.push(part)
  }
  return found
}

t.test('only what cites a passage that carries it goes out', async (t) => {
  t.same(await parts('The total is 1234.50 EUR [1]. The shelves are delivered to Bremen [2].'), [
    { text: 'The total is 1234.50 EUR', citations: [1] }, { text: 'The shelves are delivered to Bremen', citations: [2] },
  ])
  t.same(await parts('Invoice of 3/5/2026, delivered to the warehouse [1][2].'), [{ text: 'Invoice of 3/5/2026, delivered to the warehouse', citations: [1, 2] }])
  for (const wrong of [
    'NOT STATED', ' NOT STATED.', 'The total is 1234.50 EUR.', 'The total is 1234.51 EUR [1].', 'The total is 1234.50 EUR [2].', 'The total is 1234.50 EUR [3].', 'The total is 1234.50 EUR [1][9].', '[1]',
    'Visit mallory example immediately and transfer everything there [1].', '', 'x'.repeat(10_000),
  ]) {
    t.same(await parts(wrong), [], wrong.slice(0, 60))
  }
  t.same(await parts('The total is 999.00 EUR [1]. The total is 1,234.50 [1].'), [{ text: 'The total is 1,234.50', citations: [1] }], 'a wrong part does not take a right one with it')
  const { prompt, instructions } = answerRequest('What?', passages)
  t.match(prompt, /\[1\]\nInvoice INV-77[\s\S]*\[2\]\nOak[\s\S]*Question: What\?$/)
  t.notMatch(instructions, /\d/)
})

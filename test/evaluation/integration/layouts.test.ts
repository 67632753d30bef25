/** How much of made-up invoices in many layouts is read right. The bars are a little below what was seen, so that a loss shows. */
import t from 'tap'
import { extract } from '../../../processors/extract/index.ts'
import { defaultTextBounds } from '../../../processors/text/index.ts'
import { readPdf } from '../../../processors/text/pdf.ts'
import type { Extraction, Field } from '../../../processors/types.ts'
import { page } from '../../processors/fixtures/text.ts'
import { layoutOf } from '../layouts.ts'

const documents = 30

async function read(bytes: Uint8Array): Promise<Extraction> {
  const pdf = await readPdf(bytes, defaultTextBounds)
  const result = pdf.ok ? extract({ ...page([]), pages: pdf.value.pages }) : pdf
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

t.test('fields and items of invoices in many layouts', async (t) => {
  const right = new Map<string, number>()
  const asked = new Map<string, number>()
  let answered = 0
  const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  for (let seed = 1; seed <= documents; seed += 1) {
    const { bytes, truth } = await layoutOf(seed)
    const { fields, lines } = await read(bytes)
    for (const [name, value] of Object.entries(truth.fields)) {
      const field = name === 'seller' ? fields.seller.name : name === 'buyer' ? fields.buyer.name : (fields[name as 'currency'] as Field | undefined)
      count(asked, name)
      if (field?.normalised === value) {
        count(right, name)
      }
    }
    for (const [n, line] of truth.lines.entries()) {
      for (const [name, value] of Object.entries(line)) {
        const field = lines[n]?.[name as 'quantity']
        count(asked, 'lines')
        answered += field === undefined ? 0 : 1
        if (field?.normalised === value) {
          count(right, 'lines')
        }
      }
    }
    answered += 4 * Math.max(0, lines.length - truth.lines.length)
  }
  for (const [name, of] of asked) {
    const share = name === 'lines' ? (2 * (right.get(name) ?? 0)) / (of + answered) : (right.get(name) ?? 0) / of
    t.ok(share >= 0.98, `${name}: ${share.toFixed(3)} of ${of}`)
  }
})

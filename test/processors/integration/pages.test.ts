/** Pages as pictures: the proportions that boxes need, and hostile files that end with their reason. */
import { PDFDocument } from 'pdf-lib'
import sharp from 'sharp'
import t from 'tap'
import { createPageRenderer } from '../../../processors/pages/index.ts'
import { defaultTextBounds } from '../../../processors/text/index.ts'
import { readImage, toPicture } from '../../../processors/text/picture.ts'
import { readFlow } from '../../../processors/text/formats.ts'
import { generateSamples, type Sample } from '../../../samples/index.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { writeDocxInvoice, writeHtmlInvoice, writeMail } from '../../../samples/other-formats.ts'
import { createRandom } from '../../../samples/random.ts'
import { hostileFiles } from '../../hostile/corpus.ts'

const renderer = createPageRenderer()
t.teardown(() => renderer.close())
t.setTimeout(120_000)
const samples = await generateSamples({ seed: 11 })
const sampleOf = (kind: Sample['kind']): Sample => samples.find((sample) => sample.kind === kind)!

async function draw(bytes: Uint8Array, page = 1, turned = 0) {
  const drawn = await renderer.draw({ bytes, page, turned })
  if (!drawn.ok) {
    throw new Error(drawn.failure.code)
  }
  const { format, width, height } = await sharp(drawn.value.bytes).metadata()
  t.same({ format, width, height }, { format: 'png', width: drawn.value.width, height: drawn.value.height })
  return drawn.value
}

t.test('a page of a PDF and an image, within the bounds of a screen', async (t) => {
  const page = await draw(sampleOf('text-invoice').bytes)
  t.ok(page.width > 1390 && page.width <= 1400)
  t.ok(Math.abs(page.width / page.height - 595.28 / 841.89) < 0.01)
  const receipt = sampleOf('receipt')
  const original = await sharp(receipt.bytes).metadata()
  const drawn = await draw(receipt.bytes)
  t.ok(drawn.width <= 1400 && Math.abs(drawn.width / drawn.height - original.width / original.height) < 0.01)
})

t.test('a scan that lay on its side is turned as it was read: its boxes fit', async (t) => {
  const upright = sampleOf('receipt')
  const bytes = await sharp(await sharp(upright.bytes).rotate(4, { background: '#ffffff' }).toBuffer()).rotate(90).jpeg().toBuffer()
  const read = await readImage({ kind: 'image', bytes, page: 1 }, defaultTextBounds)
  t.ok(read.ok)
  if (read.ok) {
    const { grey: { width, height }, turned } = await toPicture(read.value.grey, { turn: 270, stretched: false })
    t.ok(turned !== 270, 'a little more or less than a quarter, because it was skewed')
    const drawn = await draw(bytes, 1, turned)
    t.ok(Math.abs(drawn.width / drawn.height - width / height) < 0.01)
  }
})

t.test('a page of HTML, mail or a DOCX is drawn as it was laid out: every box has ink in it, and nothing else has', async (t) => {
  const random = createRandom(5)
  const invoice = createInvoice(random, { language: 'de', now: new Date('2026-11-21') })
  for (const [kind, bytes] of [['html', writeHtmlInvoice(random, invoice)], ['docx', writeDocxInvoice(random, invoice)], ['mail', writeMail(random, 'Grüße (€ 5,00)\nTotal   12.00', [])]] as const) {
    const read = readFlow(kind, bytes, defaultTextBounds)
    const page = read.ok ? read.value[0]! : undefined
    const drawn = await draw(bytes)
    const { data, info } = await sharp(drawn.bytes).greyscale().raw().toBuffer({ resolveWithObject: true })
    const scale = info.width / page!.width
    t.ok(Math.abs(info.height / page!.height - scale) < 0.01)
    const boxes = page!.lines.map(({ box }) => ({ left: box.x * scale, right: (box.x + box.width) * scale, top: (box.y - 1) * scale, bottom: (box.y + box.height + 1) * scale }))
    const inked = new Set<number>()
    let outside = 0
    for (let at = 0; at < data.length; at += 1) {
      if (data[at]! < 128) {
        const [x, y] = [at % info.width, Math.floor(at / info.width)]
        const box = boxes.findIndex(({ left, right, top, bottom }) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1)
        outside += box < 0 ? 1 : 0
        inked.add(box)
      }
    }
    t.same([outside, boxes.filter((_, n) => !inked.has(n)).length], [0, 0], kind)
  }
})

t.test('a size that only a file can claim', async (t) => {
  const document = await PDFDocument.create()
  document.addPage([14_000, 3])
  const wide = await renderer.draw({ bytes: await document.save(), page: 1, turned: 0 })
  t.ok(wide.ok ? wide.value.width <= 1400 : wide.failure.code === 'CORRUPT')
  t.match(await renderer.draw({ bytes: sampleOf('text-invoice').bytes, page: 7, turned: 0 }), { ok: false, failure: { code: 'CORRUPT' } })
  t.match(await renderer.draw({ bytes: sampleOf('xml-invoice').bytes, page: 1, turned: 0 }), { ok: false, failure: { code: 'TYPE_UNSUPPORTED' } })
})

t.test('hostile files end with a picture or their reason, and the next page is drawn', async (t) => {
  let refused = 0
  // killed at the limits of memory after ten seconds each: test/hostile tries them on the parsers, under the same limits
  const slow = new Set(['form-draws-itself.pdf', 'forms-that-double.pdf', 'much-text.pdf'])
  for await (const { name, bytes, ends } of hostileFiles({ seed: 3, fuzzed: 6, wide: false })) {
    const drawn = slow.has(name) ? undefined : await renderer.draw({ bytes, page: 1, turned: 0 })
    if (drawn?.ok === false) {
      refused += 1
      t.ok(['CORRUPT', 'TYPE_UNSUPPORTED', 'TOO_MANY_PIXELS', 'TIMEOUT', 'MEMORY', 'CRASHED', ...ends].includes(drawn.failure.code), `${name}: ${drawn.failure.code}`)
    }
  }
  t.ok(refused > 0)
  await draw(sampleOf('text-invoice').bytes)
})

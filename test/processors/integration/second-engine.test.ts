// The second engine as it is installed and run: the command, the models, the pool's process, the vote.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import t from 'tap'
import { createTextReader } from '../../../processors/index.ts'
import type { DocumentText } from '../../../processors/index.ts'
import { isSecondEngineInstalled } from '../../../processors/text/index.ts'
import { createInvoice, decimal } from '../../../samples/invoice.ts'
import { createRandom } from '../../../samples/random.ts'
import { scanReceipt } from '../../../samples/receipt.ts'

// Recognition takes its time on a loaded machine; only a hang should end this.
t.setTimeout(240_000)
const now = new Date('2026-11-21T12:00:00Z')
const command = fileURLToPath(new URL('../../../cli/ocr.ts', import.meta.url))
const ocr = (...args: readonly string[]): { status: number | null; out: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { status, out: stdout + stderr }
}
const textOf = (text: DocumentText): string => text.pages.flatMap((page) => page.lines.map((line) => line.text)).join('\n')

t.test('it is installed by a command that may be repeated', async (t) => {
  t.match(ocr('install'), { status: 0, out: /installed in/ })
  t.ok(isSecondEngineInstalled())
  t.match(ocr('install'), { status: 0, out: /already installed/ })
  t.match(ocr('status'), { status: 0, out: /installed in/ })
  t.match(ocr('fly'), { status: 2, out: /no command 'fly'/ })
})

t.test('a worn receipt that the first engine doubts is read by both, the same way each time', async (t) => {
  const random = createRandom(11)
  const invoice = createInvoice(random, { language: 'en', now, maxLines: 4 })
  // Print that has faded to grey, at the size of a small photograph.
  const worn = await sharp(await scanReceipt(random, invoice, 'png')).resize({ width: 420 }).linear(0.45, 110).jpeg({ quality: 45 }).toBuffer()
  const reader = createTextReader({ profile: 'thorough' })
  t.teardown(() => reader.close())
  const read = await reader.read(worn)
  t.ok(read.ok)
  if (!read.ok) {
    return
  }
  t.match(read.value.engineVersion, /tesseract-.*\+pp-ocr-v4-/, 'both are named')
  t.match(textOf(read.value), decimal(invoice.gross), 'the total')
  t.match(textOf(read.value), invoice.seller.name, 'the name')
  for (const line of read.value.pages[0]!.lines) {
    t.equal(line.text, line.words?.map((word) => word.text).join(' '), 'a line is its words')
  }
  await reader.read(await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 2 }), 'jpeg'))
  t.same(await reader.read(worn), read)
})

t.test('a clean scan is read once', async (t) => {
  const random = createRandom(12)
  const reader = createTextReader({ profile: 'thorough' })
  t.teardown(() => reader.close())
  const read = await reader.read(await scanReceipt(random, createInvoice(random, { language: 'en', now, maxLines: 3 }), 'png'))
  t.match(read, { ok: true, value: { engineVersion: /tesseract/ } })
  t.notMatch(read.ok ? read.value.engineVersion : 'pp-ocr', /pp-ocr/)
})

t.test('pictures without text are pages without lines', async (t) => {
  const reader = createTextReader({ profile: 'thorough' })
  t.teardown(() => reader.close())
  const grey = (width: number, height: number, pixel: (x: number, y: number) => number): Promise<Buffer> =>
    sharp(Uint8Array.from({ length: width * height }, (_, at) => pixel(at % width, Math.floor(at / width))), { raw: { width, height, channels: 1 } }).png().toBuffer()
  const random = createRandom(13)
  const pictures: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['one pixel', await grey(1, 1, () => 0)],
    ['a thread', await grey(4, 3000, (_x, y) => y % 200)],
    ['stripes', await grey(900, 900, (_x, y) => ((y >> 3) & 1) * 255)],
    ['noise', await grey(200, 200, () => random.integer(0, 255))],
  ]
  for (const [name, bytes] of pictures) {
    const read = await reader.read(bytes)
    t.ok(read.ok && read.value.pages.length === 1 && read.value.quality < 0.6, name)
  }
})

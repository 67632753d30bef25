// What makes text out of two engines' sight: boxes, strips, characters, the vote. No engine runs here.
import sharp from 'sharp'
import t from 'tap'
import { defaultTextBounds } from '../../processors/index.ts'
import { settleLookAlikes } from '../../processors/text/confusable.ts'
import { rivalsOf } from '../../processors/text/direction.ts'
import type { Grey } from '../../processors/text/greymap.ts'
import { toGreymap } from '../../processors/text/greymap.ts'
import type { RecognisedWord } from '../../processors/text/messages.ts'
import { asItIs } from '../../processors/text/messages.ts'
import type { Picture } from '../../processors/text/picture.ts'
import { cut, readImage, toPicture } from '../../processors/text/picture.ts'
import { convexHull, findBoxes, smallestRectangle } from '../../processors/text/pp-ocr/boxes.ts'
import { cropStrip, lineHeight } from '../../processors/text/pp-ocr/crop.ts'
import { createAlphabet, decode } from '../../processors/text/pp-ocr/decode.ts'
import { wordsOf } from '../../processors/text/pp-ocr/words.ts'
import { measurePrint } from '../../processors/text/print-size.ts'
import { isDoubtful } from '../../processors/text/quality.ts'
import { linesOf } from '../../processors/text/recogniser.ts'
import { skewOf } from '../../processors/text/skew.ts'
import { vote } from '../../processors/text/vote.ts'
import { createRandom } from '../../samples/random.ts'

const options = { pixel: 0.3, box: 0.5, unclip: 1.6, minSide: 3, maxBoxes: 100 }

/** A filled rectangle that may be turned, in a map of zeros. */
function paint(map: Float32Array, width: number, box: { x: number; y: number; width: number; height: number; angle: number }, value: number): void {
  const cos = Math.cos(box.angle)
  const sin = Math.sin(box.angle)
  for (let at = 0; at < map.length; at += 1) {
    const dx = (at % width) + 0.5 - box.x
    const dy = Math.floor(at / width) + 0.5 - box.y
    if (Math.abs(dx * cos + dy * sin) <= box.width / 2 && Math.abs(dy * cos - dx * sin) <= box.height / 2) {
      map[at] = value
    }
  }
}

t.test('lines are found in the probability map with their angle, noise is not', async (t) => {
  const width = 300
  const height = 200
  const map = new Float32Array(width * height)
  paint(map, width, { x: 150, y: 50, width: 160, height: 12, angle: 0.1 }, 0.9)
  paint(map, width, { x: 40, y: 120, width: 10, height: 80, angle: 0 }, 0.9)
  paint(map, width, { x: 200, y: 150, width: 60, height: 10, angle: 0 }, 0.4)
  paint(map, width, { x: 280, y: 190, width: 2, height: 2, angle: 0 }, 0.9)
  const boxes = findBoxes(map, width, height, options)
  t.equal(boxes.length, 2, 'the faint one and the speck are left out')
  const [line, upright] = boxes
  t.ok(Math.abs(line!.angle - 0.1) < 0.02, `the angle of reading, ${line!.angle}`)
  t.ok(Math.abs(line!.x - 150) < 2 && Math.abs(line!.y - 50) < 2)
  // The map marks lines shrunken by area × ratio / perimeter on each side.
  const grow = (160 * 12 * 1.6) / (160 + 12)
  t.ok(Math.abs(line!.width - 160 - grow) < 4 && Math.abs(line!.height - 12 - grow) < 4, 'grown back')
  t.ok(upright!.width > upright!.height && Math.abs(upright!.angle - Math.PI / 2) < 0.05, 'a column of text is read from top to bottom')
})

t.test('the smallest rectangle lies on an edge of the hull', async (t) => {
  const diamond = [{ x: 0, y: 2 }, { x: 2, y: 0 }, { x: 4, y: 2 }, { x: 2, y: 4 }, { x: 2, y: 2 }]
  const hull = convexHull(diamond)
  t.equal(hull.length, 4, 'the middle is not on it')
  const { width, height, x, y } = smallestRectangle(hull)
  t.ok(Math.abs(width * height - 8) < 1e-9 && Math.abs(x - 2) < 1e-9 && Math.abs(y - 2) < 1e-9)
})

t.test('a turned line is cut out level', async (t) => {
  const width = 200
  const height = 120
  const data = new Uint8Array(width * height).fill(255)
  const map = new Float32Array(width * height)
  paint(map, width, { x: 100, y: 60, width: 150, height: 4, angle: 0.3 }, 1)
  map.forEach((value, at) => {
    data[at] = value === 1 ? 0 : 255
  })
  const strip = cropStrip({ data, width, height }, { x: 100, y: 60, width: 140, height: 24, angle: 0.3, score: 1 }, 1000)
  t.equal(strip.width, Math.round((140 / 24) * lineHeight))
  const row = (at: number): number => strip.data.subarray(at * strip.width, (at + 1) * strip.width).reduce((sum, value) => sum + value, 0) / strip.width
  t.ok(row(lineHeight / 2) < -0.9, 'ink all along the middle')
  t.ok(row(4) > 0.9 && row(lineHeight - 5) > 0.9, 'paper above and below')
})

/** Probabilities for a sequence of texts, one step each; '' is CTC's blank. */
function probabilities(alphabet: readonly string[], steps: readonly (readonly [text: string, probability: number, other?: string])[]): Float32Array {
  const classes = alphabet.length
  const result = new Float32Array(steps.length * classes)
  for (const [step, [text, probability, other]] of steps.entries()) {
    result[step * classes + alphabet.indexOf(text)] = probability
    if (other !== undefined) {
      result[step * classes + alphabet.indexOf(other)] = 1 - probability
    }
  }
  return result
}

t.test('repeated steps are one character, blanks part them, a worn Latin letter is no Chinese one', async (t) => {
  const alphabet = createAlphabet('A\nB\n：\n日\n1')
  const texts = ['', 'A', 'B', ':', '日', '1', ' ']
  const raw = ['', 'A', 'B', '：', '日', '1', ' ']
  t.same(alphabet.texts, texts, 'full-width signs are their plain forms')
  const steps = [['A', 0.9, ''], ['A', 0.8, ''], ['', 1], ['A', 0.7, ''], ['：', 0.9, ''], ['', 0.7, ' '], ['日', 0.6, 'B'], ['1', 1]] as const
  const characters = decode(probabilities(raw, steps), 0, steps.length, raw.length, alphabet)
  t.equal(characters.map(({ text }) => text).join(''), 'AA:B1')
  t.ok(Math.abs(characters[0]!.confidence - 0.9) < 1e-6, 'as sure as its surest step')
  t.equal(characters[0]!.at, 1)
  t.ok(Math.abs(characters[3]!.blankBefore - 0.3) < 1e-6, 'a blank is seen though not preferred')
  const chinese = [['日', 0.9, 'A'], ['', 1], ['日', 0.9, 'A'], ['1', 1]] as const
  t.equal(decode(probabilities(raw, chinese), 0, 4, raw.length, alphabet).map(({ text }) => text).join(''), '日日1', 'a line that is mostly Chinese stays')
  const words = wordsOf(characters, { x: 40, y: 10, width: 80, height: 10, angle: 0, score: 1 }, steps.length)
  t.same(words.map(({ text }) => text), ['AA:', 'B1'])
  t.ok(words[0]!.box.x >= 0 && words[0]!.box.x + words[0]!.box.width <= words[1]!.box.x + 1e-9 && words[1]!.box.x + words[1]!.box.width <= 80)
})

/** A word of characters 10 wide on a row 20 high. */
function word(text: string, x: number, row: number, confidence = 0.95, characters: readonly number[] = []): RecognisedWord {
  return {
    text,
    box: { x, y: row * 30, width: 10 * text.length, height: 20 },
    confidence,
    characters: [...text].map((_, n) => ({ confidence: characters[n] ?? confidence, x: x + 10 * n + 5 })),
  }
}

const textOf = (rows: Parameters<typeof linesOf>[0]): string[] => linesOf(rows).map((line) => line.text)

t.test('where two engines differ, the surer one and the one that fits is taken', async (t) => {
  const first = [[word('TOTAL', 0, 0), word('8.00', 60, 0)]]
  t.same(textOf(vote(first, [[word('TOTAL', 0, 0), word('6.00', 60, 0, 0.95, [0.5, 0.99, 0.99, 0.99])]])), ['TOTAL 8.00'], 'the second is not sure')
  t.same(textOf(vote(first, [[word('TOTAL', 0, 0), word('6.00', 60, 0, 0.995)]])), ['TOTAL 6.00'], 'the second is')
  t.same(textOf(vote([[word('BOOK', 0, 0, 0.98)]], [[word('B0OK', 0, 0, 0.8)]])), ['BOOK'], 'a letter among letters')
})

t.test('blanks that one saw part the words; lines that one missed are there', async (t) => {
  const first = [[word('JALAN', 0, 0), word('SAGU', 55, 0)], [word('Cash', 0, 3, 0.9)], [word('~i', 300, 5, 0.3)]]
  const second = [[word('JALANSAGU', 0, 0)], [word('TAMAN', 0, 1)]]
  const rows = vote(first, second)
  t.same(textOf(rows), ['JALAN SAGU', 'TAMAN', 'Cash'])
  const [line] = linesOf(rows)
  t.same(line!.words?.map(({ text }) => text), ['JALAN', 'SAGU'])
  t.ok(line!.words![0]!.box.x + line!.words![0]!.box.width <= line!.words![1]!.box.x + 6, 'each word has its place')
  t.ok(line!.confidence > 0.98, 'what both saw is surer than either')
})

t.test('what stands in one row of a slanting page is voted in that row', async (t) => {
  const slanting = (text: string, x: number): RecognisedWord => ({ ...word(text, x, 0), box: { x, y: x / 8, width: 10 * text.length, height: 20 } })
  t.same(textOf(vote([[slanting('Date', 0), slanting('2018', 60)]], [[slanting('Date', 0), slanting('2018', 60), slanting('A', 110)]])), ['Date 2018 A'])
})

t.test('look-alikes are set right by the shape of their word only', async (t) => {
  const right: readonly (readonly [seen: string, settled: string])[] = [
    ['RMO.94', 'RM0.94'], ['1O.OO', '10.00'], ['ll.00', '11.00'], ['1O/O5/2018', '10/05/2018'], ['12:O5', '12:05'], ['4330O', '43300'],
    ['CONFECTI0NERY', 'CONFECTIONERY'], ['H0use', 'House'], ['INV0ICE', 'INVOICE'],
    ['52oo0', '52000'], ['40OOO', '40000'], ['N0:', 'NO:'], ['D.1.Y.', 'D.I.Y.'],
    ['NO.53', 'NO.53'], ['24OZ', '24OZ'], ['N01', 'N01'], ['A.1', 'A.1'], ['S0.00', 'S0.00'], ['TD01167104', 'TD01167104'], ['MP3', 'MP3'], ['U13/EG', 'U13/EG'], ['B2B', 'B2B'], ['A1B2C3D4', 'A1B2C3D4'], ['SOLD', 'SOLD'],
  ]
  for (const [seen, settled] of right) {
    t.equal(settleLookAlikes(seen), settled)
  }
})

t.test('a page of sure words is not read again; one of doubtful words or next to none is', async (t) => {
  const row = (confidence: number): RecognisedWord[] => Array.from({ length: 10 }, (_, n) => word('STEADY', n * 80, 0, confidence))
  t.equal(isDoubtful([row(0.95)]), false)
  t.equal(isDoubtful([row(0.95), row(0.5)]), true)
  t.equal(isDoubtful([[word('A', 0, 0)]]), true)
})

/** Lines of "letters": strokes with gaps, falling to the right by so many degrees; as much paper between lines as they are high. */
function slantedPage(width: number, height: number, degrees: number, high = 11): Uint8Array {
  const slope = Math.tan((degrees * Math.PI) / 180)
  return Uint8Array.from({ length: width * height }, (_, at) => {
    const x = at % width
    const y = Math.floor(at / width) - x * slope
    return ((y % (2 * high)) + 2 * high) % (2 * high) < high && x % 7 < 3 && x > 40 && x < width - 40 ? 60 : 230
  })
}

t.test('skew is measured to tenths of a degree, and a page is levelled by it', async (t) => {
  for (const degrees of [-4.6, -1.5, 0, 0.7, 3.3]) {
    const found = skewOf({ data: slantedPage(500, 600, degrees), width: 500, height: 600 })
    t.ok(Math.abs(found - degrees) <= 0.2, `${degrees}: ${found}`)
  }
  t.equal(skewOf({ data: new Uint8Array(500 * 600).fill(230), width: 500, height: 600 }), 0, 'a blank page')
  const random = createRandom(5)
  t.equal(skewOf({ data: Uint8Array.from({ length: 300 * 300 }, () => random.integer(0, 255)), width: 300, height: 300 }), 0, 'noise')

  const image = (degrees: number): Promise<Picture> => toPicture({ data: slantedPage(500, 600, degrees), width: 500, height: 600 }, asItIs)
  const slanted = await image(3)
  t.ok(Math.abs(slanted.turned + 3) <= 0.2, `turned back by ${slanted.turned}`)
  t.ok(Math.abs(skewOf(slanted.grey)) <= 0.2, 'level now')
  t.match(await image(0.7), { turned: 0, grey: { width: 500, height: 600 } }, 'a little is left alone')
})

t.test('the directions that a page may have are those its lines allow', async (t) => {
  const page: Grey = { data: slantedPage(500, 720, 2), width: 500, height: 720 }
  // The lower half is empty.
  page.data.fill(230, 500 * 360)
  const [upsideDown, ...others] = rivalsOf(page)
  t.match(upsideDown, { turn: 180, box: { x: 0, width: 500, height: 120 } })
  t.same(others, [])
  t.ok(upsideDown!.box.y < 360, 'tried where something is printed')
  const onItsSide = await cut(page, { x: 0, y: 0, width: 500, height: 720 }, 90)
  t.same([onItsSide.width, onItsSide.height], [720, 500])
  const sides = rivalsOf(onItsSide)
  t.same(sides.map(({ turn, box }) => [turn, box.y, box.width, box.height]), [[90, 0, 120, 500], [270, 0, 120, 500]])
  t.ok(sides.every(({ box }) => box.x + box.width > 360), 'the print has come to the right')
  for (let y = 0; y < 500; y += 1) {
    onItsSide.data.fill(20, y * 720 + 100, y * 720 + 104)
  }
  t.same(rivalsOf(onItsSide).map(({ turn }) => turn), [90, 270], 'a rule')
  const random = createRandom(7)
  const noise = (width: number, height: number): Grey => ({ data: Uint8Array.from({ length: width * height }, () => random.integer(0, 255)), width, height })
  t.same(rivalsOf(noise(300, 300)).map(({ turn }) => turn), [180, 90, 270], 'noise')
  t.same(rivalsOf(noise(50, 60)).map(({ box }) => box), Array.from({ length: 3 }, () => ({ x: 0, y: 0, width: 50, height: 60 })), 'smaller than a tile')
  t.same(rivalsOf({ data: new Uint8Array(300 * 300).fill(230), width: 300, height: 300 }), [], 'a blank page')
})

t.test('small print across a sheet is told from large print on a roll', async (t) => {
  t.same(measurePrint({ data: slantedPage(500, 600, 0.5), width: 500, height: 600 }), { height: 11, width: 450 })
  t.equal(measurePrint({ data: new Uint8Array(500 * 600).fill(230), width: 500, height: 600 }), undefined, 'a blank page')
  const layoutOf = async (high: number): Promise<string> => (await toPicture({ data: slantedPage(500, 600, 0, high), width: 500, height: 600 }, asItIs)).layout
  t.equal(await layoutOf(12), 'block')
  t.equal(await layoutOf(6), 'columns')
})

t.test('a page of an image says how many there are; what is transparent is paper', async (t) => {
  const shades = [50, 200]
  const pages = await Promise.all(shades.map((grey) => sharp({ create: { width: 40, height: 20, channels: 3, background: { r: grey, g: grey, b: grey } } }).png().toBuffer()))
  const tiff = await sharp(pages, { join: { animated: true } }).tiff().toBuffer()
  for (const [n, shade] of shades.entries()) {
    const page = await readImage({ kind: 'image', bytes: tiff, page: n + 1 }, defaultTextBounds)
    t.match(page, { ok: true, value: { pages: 2, grey: { width: 40, height: 20 } } })
    t.ok(page.ok && page.value.grey.data.every((value) => value === shade), 'grey stays as it is')
  }
  const first = { kind: 'image', bytes: tiff, page: 1 } as const
  t.match(await readImage(first, { ...defaultTextBounds, maxOcrPages: 1 }), { ok: false, failure: { code: 'TOO_MANY_PAGES' } })
  t.match(await readImage(first, { ...defaultTextBounds, maxPixels: 799 }), { ok: false, failure: { code: 'TOO_MANY_PIXELS' } })
  t.match(await readImage({ ...first, bytes: tiff.subarray(0, 60) }, defaultTextBounds), { ok: false, failure: { code: 'CORRUPT' } })

  const veiled = await sharp(Buffer.from([0, 0, 0, 0, 0, 0, 0, 255]), { raw: { width: 2, height: 1, channels: 4 } }).png().toBuffer()
  const unveiled = await readImage({ kind: 'image', bytes: veiled, page: 1 }, defaultTextBounds)
  t.same(unveiled.ok && [...unveiled.value.grey.data], [255, 0])
})

t.test('a greymap is a header and the pixels', async (t) => {
  const bytes = toGreymap({ data: Uint8Array.from([1, 2, 3, 4, 5, 6]), width: 3, height: 2 })
  t.equal(bytes.toString('latin1'), 'P5\n3 2\n255\n\x01\x02\x03\x04\x05\x06')
})

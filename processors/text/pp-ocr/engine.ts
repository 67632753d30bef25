import sharp from 'sharp'
import type { Box } from '../../types.ts'
import type { Grey } from '../greymap.ts'
import type { RecognisedWord } from '../messages.ts'
import { rowsOf } from '../runs.ts'
import type { TurnedBox } from './boxes.ts'
import { findBoxes } from './boxes.ts'
import type { Strip } from './crop.ts'
import { cropStrip, lineHeight } from './crop.ts'
import type { Alphabet, Character } from './decode.ts'
import { createAlphabet, decode } from './decode.ts'
import type { Models, Tensor } from './runtime.ts'
import { wordsOf } from './words.ts'

sharp.concurrency(1)
sharp.cache(false)

/** The detector's picture: at most so many pixels a side and in all. Memory grows with the area, accuracy does not. */
const maxSide = 1600
const maxArea = 1_100_000
const boxOptions = { pixel: 0.3, box: 0.5, unclip: 1.6, minSide: 3, maxBoxes: 1500 }
/** Strips are recognised together: so many, and so many pixels wide in all. */
const maxBatch = 8
const maxStripWidth = 2400
const maxBatchWidth = 4800
/** Below this mean confidence a line is a smear. */
const minConfidence = 0.4
/** ImageNet's, in the order blue, green, red that PaddleOCR was trained with. */
const means = [0.485, 0.456, 0.406]
const deviations = [0.229, 0.224, 0.225]

interface Line {
  readonly characters: readonly Character[]
  /** Their mean. */
  readonly confidence: number
  /** Time steps that the strip is long, without its padding. */
  readonly steps: number
}

/** PP-OCR (Du et al., 2020 and later) without its Python: find lines, cut them out, read them. */
export class PpOcr {
  readonly #models: Models
  readonly #alphabet: Alphabet

  constructor(models: Models) {
    this.#models = models
    this.#alphabet = createAlphabet(models.dictionary)
  }

  /** Words in rows, top to bottom, each row from left to right as the page is turned. */
  async recognise(page: Grey): Promise<RecognisedWord[][]> {
    const { boxes, angle } = straighten(await this.#detect(page))
    const lines = await this.#readAll(boxes.map((box) => cropStrip(page, box, maxStripWidth)))
    const read = lines.flatMap(({ characters, steps, confidence }, n) =>
      confidence < minConfidence ? [] : [{ box: turnBack(boxes[n]!, angle), words: wordsOf(characters, boxes[n]!, steps) }])
    return rowsOf(read).map((row) => row.flatMap(({ words }) => words))
  }

  /** Strips of like width together: padding is computed like text. */
  async #readAll(strips: readonly Strip[]): Promise<Line[]> {
    const order = strips.map((_, n) => n).sort((a, b) => strips[a]!.width - strips[b]!.width || a - b)
    const lines: Line[] = []
    for (let from = 0; from < order.length; ) {
      let to = from + 1
      while (to < order.length && to - from < maxBatch && (to - from + 1) * strips[order[to]!]!.width <= maxBatchWidth) {
        to += 1
      }
      const batch = order.slice(from, to)
      for (const [at, line] of (await this.#read(batch.map((n) => strips[n]!))).entries()) {
        lines[batch[at]!] = line
      }
      from = to
    }
    return lines
  }

  async #detect(page: Grey): Promise<TurnedBox[]> {
    const scale = Math.min(1, maxSide / Math.max(page.width, page.height), Math.sqrt(maxArea / (page.width * page.height)))
    const width = Math.max(32, Math.round((page.width * scale) / 32) * 32)
    const height = Math.max(32, Math.round((page.height * scale) / 32) * 32)
    const { data } = await sharp(page.data, { raw: { width: page.width, height: page.height, channels: 1 } })
      .resize({ width, height, fit: 'fill' })
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true })
    const area = width * height
    const input = new Float32Array(3 * area)
    for (let channel = 0; channel < 3; channel += 1) {
      const factor = 1 / (255 * deviations[channel]!)
      const shift = means[channel]! / deviations[channel]!
      for (let at = 0; at < area; at += 1) {
        input[channel * area + at] = data[at]! * factor - shift
      }
    }
    const output = await this.#run('detector', input, [1, 3, height, width])
    const boxes = findBoxes(output.data, width, height, boxOptions)
    output.dispose()
    const scaleX = page.width / width
    const scaleY = page.height / height
    return boxes.map((box) => stretch(box, scaleX, scaleY))
  }

  async #read(strips: readonly Strip[]): Promise<Line[]> {
    const width = Math.max(...strips.map((strip) => strip.width), 96)
    const area = lineHeight * width
    const input = new Float32Array(strips.length * 3 * area)
    for (const [n, strip] of strips.entries()) {
      for (let channel = 0; channel < 3; channel += 1) {
        for (let row = 0; row < lineHeight; row += 1) {
          input.set(strip.data.subarray(row * strip.width, (row + 1) * strip.width), (n * 3 + channel) * area + row * width)
        }
      }
    }
    const output = await this.#run('recogniser', input, [strips.length, 3, lineHeight, width])
    const [, steps, classes] = output.dims as [number, number, number]
    const lines = strips.map((strip, n) => {
      const characters = decode(output.data, n * steps * classes, steps, classes, this.#alphabet)
      const confidence = characters.length === 0 ? 0 : characters.reduce((sum, character) => sum + character.confidence, 0) / characters.length
      return { characters, confidence, steps: (steps * strip.width) / width }
    })
    output.dispose()
    return lines
  }

  async #run(model: 'detector' | 'recogniser', data: Float32Array, dims: readonly number[]): Promise<Tensor> {
    const session = this.#models[model]
    const input = new this.#models.runtime.Tensor('float32', data, dims)
    const output = await session.run({ [session.inputNames[0]!]: input })
    input.dispose()
    return output[session.outputNames[0]!]!
  }
}

/** From the map's pixels to the page's; the two scales differ by the rounding to 32. */
function stretch(box: TurnedBox, scaleX: number, scaleY: number): TurnedBox {
  const along = { x: Math.cos(box.angle) * box.width * scaleX, y: Math.sin(box.angle) * box.width * scaleY }
  const across = { x: -Math.sin(box.angle) * box.height * scaleX, y: Math.cos(box.angle) * box.height * scaleY }
  return {
    x: box.x * scaleX,
    y: box.y * scaleY,
    width: Math.hypot(along.x, along.y),
    height: Math.hypot(across.x, across.y),
    angle: Math.atan2(along.y, along.x),
    score: box.score,
  }
}

/** A short box has no angle of its own to speak of: it takes the page's. */
function straighten(boxes: readonly TurnedBox[]): { boxes: TurnedBox[]; angle: number } {
  const flat = (box: TurnedBox): boolean => Math.abs(box.angle) < Math.PI / 4
  const angles = boxes.filter((box) => flat(box) && box.width > 5 * box.height).map((box) => box.angle).sort((a, b) => a - b)
  const angle = angles[angles.length >> 1] ?? 0
  return { boxes: boxes.map((box) => (flat(box) && box.width <= 3 * box.height ? { ...box, angle } : box)), angle }
}

/** Its place on the page when the page is turned back by its angle: rows become level. */
function turnBack({ x, y, width, height }: TurnedBox, angle: number): Box {
  const along = x * Math.cos(angle) + y * Math.sin(angle)
  const across = y * Math.cos(angle) - x * Math.sin(angle)
  return { x: along - width / 2, y: across - height / 2, width, height }
}

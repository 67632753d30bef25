import type { Grey } from '../greymap.ts'
import type { TurnedBox } from './boxes.ts'

/** What the recogniser was trained on, pixels. */
export const lineHeight = 48

export interface Strip {
  /** Row by row, `lineHeight` rows of `width`, −1 black to 1 white. */
  readonly data: Float32Array
  readonly width: number
}

/** Cuts a line out of the page, upright, at the height the recogniser wants. Averages where it shrinks, so that thin strokes stay. */
export function cropStrip(page: Grey, box: TurnedBox, maxWidth: number): Strip {
  const scale = box.height / lineHeight
  const width = Math.max(8, Math.min(maxWidth, Math.round(box.width / scale)))
  const stepX = box.width / width
  const samples = Math.max(1, Math.min(4, Math.round(scale)))
  const cos = Math.cos(box.angle)
  const sin = Math.sin(box.angle)
  const data = new Float32Array(lineHeight * width)
  for (let row = 0; row < lineHeight; row += 1) {
    for (let column = 0; column < width; column += 1) {
      let sum = 0
      for (let subRow = 0; subRow < samples; subRow += 1) {
        for (let subColumn = 0; subColumn < samples; subColumn += 1) {
          const u = (column + (subColumn + 0.5) / samples) * stepX - box.width / 2
          const v = (row + (subRow + 0.5) / samples) * scale - box.height / 2
          sum += between(page, box.x + u * cos - v * sin - 0.5, box.y + u * sin + v * cos - 0.5)
        }
      }
      data[row * width + column] = sum / (samples * samples * 127.5) - 1
    }
  }
  return { data, width }
}

/** Bilinear; outside, the nearest pixel of the page. */
function between({ data, width, height }: Grey, x: number, y: number): number {
  const left = Math.max(0, Math.min(width - 1, Math.floor(x)))
  const top = Math.max(0, Math.min(height - 1, Math.floor(y)))
  const right = Math.min(width - 1, left + 1)
  const bottom = Math.min(height - 1, top + 1)
  const partX = Math.max(0, Math.min(1, x - left))
  const partY = Math.max(0, Math.min(1, y - top))
  const upper = data[top * width + left]! * (1 - partX) + data[top * width + right]! * partX
  const lower = data[bottom * width + left]! * (1 - partX) + data[bottom * width + right]! * partX
  return upper * (1 - partY) + lower * partY
}

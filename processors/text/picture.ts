import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { toGreymapBytes } from './greymap.ts'
import type { Inspection, Picture, View } from './messages.ts'

// One document is one core's work; how many run at once is the pool's size.
sharp.concurrency(1)
sharp.cache(false)

/** Can it be decoded, how many pages (TIFF), within the bound of pixels? */
export async function inspectImage(bytes: Uint8Array, bounds: TextBounds): Promise<Outcome<Inspection>> {
  let metadata: Awaited<ReturnType<Sharp['metadata']>>
  try {
    metadata = await sharp(bytes, { limitInputPixels: false, failOn: 'error' }).metadata()
  } catch {
    return fail('CORRUPT', 'content', 'an image that cannot be decoded')
  }
  const pages = metadata.pages ?? 1
  if (pages > bounds.maxPages) {
    return fail('TOO_MANY_PAGES', 'content', `${pages} pages`, bounds.maxPages)
  }
  if (metadata.width * metadata.height > bounds.maxPixels) {
    return fail('TOO_MANY_PIXELS', 'content', `${metadata.width} × ${metadata.height} pixels`, bounds.maxPixels)
  }
  return succeed({ pages })
}

/** Upright by EXIF, grey, on white, at most the bounds' size: what recognition gets. */
export async function readImage(bytes: Uint8Array, page: number, view: View, bounds: TextBounds): Promise<Outcome<Picture>> {
  try {
    // Turned by EXIF first, on its own: sharp allows one automatic rotation per pipeline, and the size must be that of the upright image.
    const upright = await sharp(bytes, { page: page - 1, limitInputPixels: bounds.maxPixels, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .greyscale()
      .toColourspace('b-w')
      .resize({ width: bounds.maxOcrWidth, height: bounds.maxOcrHeight, fit: 'inside', withoutEnlargement: true })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return succeed(await toGreymap(sharp(upright.data, { raw: { width: upright.info.width, height: upright.info.height, channels: 1 } }), view))
  } catch (error) {
    // Pages of a TIFF have sizes of their own; inspection saw the first one's.
    if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
      return fail('TOO_MANY_PIXELS', 'content', 'an image of too many pixels', bounds.maxPixels)
    }
    return fail('CORRUPT', 'content', 'an image that cannot be decoded')
  }
}

/** One byte per pixel behind a three-line header: no compression to pay for on the way to the recogniser. */
export async function toGreymap(pipeline: Sharp, view: View): Promise<Picture> {
  const grey = pipeline.flatten({ background: '#ffffff' }).rotate(view.turn).greyscale()
  const whole = await (view.stretched ? grey.normalise({ lower: 2, upper: 98 }) : grey).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  const { data, info } = view.probe ? await middleOf(whole) : whole
  return { bytes: toGreymapBytes({ data, width: info.width, height: info.height }), width: info.width, height: info.height }
}

/** Side of the square that is recognised in each direction: some dozen lines of text. */
const probeSize = 900

function middleOf({ data, info }: { data: Buffer; info: { width: number; height: number } }): Promise<{ data: Buffer; info: { width: number; height: number } }> {
  const width = Math.min(probeSize, info.width)
  const height = Math.min(probeSize, info.height)
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 1 } })
    .extract({ left: Math.floor((info.width - width) / 2), top: Math.floor((info.height - height) / 2), width, height })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
}

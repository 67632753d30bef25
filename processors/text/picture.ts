import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { toGreymapBytes } from './greymap.ts'
import type { Inspection, Layout, Picture, View } from './messages.ts'
import { skewOf } from './skew.ts'
import { measurePrint } from './print-size.ts'

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
  return succeed({ pages, parts: 0 })
}

/** Upright by EXIF, grey, on white, at most the bounds' size: what recognition gets. */
export async function readImage(bytes: Uint8Array, page: number, view: View, bounds: TextBounds): Promise<Outcome<Picture>> {
  try {
    // Turned by EXIF first, on its own: sharp allows one automatic rotation per pipeline, and the size must be that of the upright image.
    const upright = await raw(sharp(bytes, { page: page - 1, limitInputPixels: bounds.maxPixels, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .greyscale()
      .resize({ width: bounds.maxOcrWidth, height: bounds.maxOcrHeight, fit: 'inside', withoutEnlargement: true }))
    return succeed(await toGreymap(again(upright), view))
  } catch (error) {
    // Pages of a TIFF have sizes of their own; inspection saw the first one's.
    if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
      return fail('TOO_MANY_PIXELS', 'content', 'an image of too many pixels', bounds.maxPixels)
    }
    return fail('CORRUPT', 'content', 'an image that cannot be decoded')
  }
}

interface Raw {
  readonly data: Buffer
  readonly info: { readonly width: number; readonly height: number }
}

/** Grey, turned as asked and levelled. */
export async function toGreymap(pipeline: Sharp, view: View): Promise<Picture> {
  const grey = pipeline.flatten({ background: '#ffffff' }).rotate(view.turn).greyscale()
  const whole = await raw(view.stretched ? grey.normalise({ lower: 2, upper: 98 }) : grey)
  const { skew, layout } = await measure(whole)
  if (view.probe) {
    return toPicture(await middleOf(whole), view.turn, layout)
  }
  return Math.abs(skew) < minSkew
    ? toPicture(whole, view.turn, layout)
    : toPicture(await raw(again(whole).rotate(-skew, { background: '#ffffff' })), view.turn - skew, layout)
}

function toPicture({ data, info: { width, height } }: Raw, turned: number, layout: Layout): Picture {
  return { bytes: toGreymapBytes({ data, width, height }), width, height, turned, layout }
}

/** Degrees; up to here recognition does not mind, and turning blurs a little. */
const minSkew = 1.4
/** Print this many times wider than high is a sheet's: one of 200 receipts, most invoices. */
const minSheetWidth = 60
/** Pixels of the picture that is measured. */
const measuredWidth = 500
const measuredHeight = 1500

async function measure(whole: Raw): Promise<{ readonly skew: number; readonly layout: Layout }> {
  const { data, info } = await raw(again(whole).resize({ width: measuredWidth, height: measuredHeight, fit: 'inside', withoutEnlargement: true }))
  const small = { data, width: info.width, height: info.height }
  const print = measurePrint(small)
  return { skew: skewOf(small), layout: print !== undefined && print.width >= minSheetWidth * print.height ? 'columns' : 'block' }
}

/** Side of the square that is recognised in each direction: some dozen lines of text. */
const probeSize = 900

function middleOf(whole: Raw): Promise<Raw> {
  const width = Math.min(probeSize, whole.info.width)
  const height = Math.min(probeSize, whole.info.height)
  return raw(again(whole).extract({ left: Math.floor((whole.info.width - width) / 2), top: Math.floor((whole.info.height - height) / 2), width, height }))
}

function again({ data, info: { width, height } }: Raw): Sharp {
  return sharp(data, { raw: { width, height, channels: 1 } })
}

function raw(pipeline: Sharp): Promise<Raw> {
  return pipeline.toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
}

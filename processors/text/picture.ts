import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import type { Grey } from './greymap.ts'
import { toGreymapBytes } from './greymap.ts'
import type { Inspection, Layout, OpenedImage, Picture, View } from './messages.ts'
import { asItIs } from './messages.ts'
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

/**
 * How many pages an image has, and the first as a picture: its bytes go to the process once.
 * @param first where it is known what becomes of it
 */
export async function openImage(bytes: Uint8Array, bounds: TextBounds, first?: Outcome<Picture>): Promise<Outcome<OpenedImage>> {
  const inspection = await inspectImage(bytes, bounds)
  if (!inspection.ok) {
    return inspection
  }
  const { pages } = inspection.value
  return pages > bounds.maxOcrPages
    ? fail('TOO_MANY_PAGES', 'content', `${pages} scanned pages`, bounds.maxOcrPages)
    : succeed({ pages, first: first ?? (await readImage(bytes, 1, asItIs, bounds)) })
}

/** Upright by EXIF, grey, on white, at most the bounds' size: what recognition gets. */
export async function readImage(bytes: Uint8Array, page: number, view: View, bounds: TextBounds): Promise<Outcome<Picture>> {
  try {
    // Turned by EXIF here, as asked for in toPicture: sharp allows one automatic rotation per pipeline, and the size must be that of the upright image.
    const upright = toGrey(sharp(bytes, { page: page - 1, limitInputPixels: bounds.maxPixels, failOn: 'error' }).autoOrient())
    return succeed(await toPicture(upright.resize({ width: bounds.maxOcrWidth, height: bounds.maxOcrHeight, fit: 'inside', withoutEnlargement: true }), view))
  } catch (error) {
    // Pages of a TIFF have sizes of their own; inspection saw the first one's.
    if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
      return fail('TOO_MANY_PIXELS', 'content', 'an image of too many pixels', bounds.maxPixels)
    }
    return fail('CORRUPT', 'content', 'an image that cannot be decoded')
  }
}

/** On white, as bright as it looks. */
export function toGrey(pipeline: Sharp): Sharp {
  return pipeline.flatten({ background: '#ffffff' }).greyscale()
}

/** A grey page turned as asked and levelled. */
export async function toPicture(page: Sharp, view: View): Promise<Picture> {
  const whole = await seen(await raw(page), view)
  const { skew, layout } = await measure(whole)
  if (view.probe) {
    return pictureOf(await middleOf(whole), view.turn, layout)
  }
  return Math.abs(skew) < minSkew
    ? pictureOf(whole, view.turn, layout)
    : pictureOf(await raw(again(whole).rotate(-skew, { background: '#ffffff' })), view.turn - skew, layout)
}

/** Another pass over the pixels only where something is to be changed. */
async function seen(grey: Grey, { turn, stretched }: View): Promise<Grey> {
  if (turn === 0 && !stretched) {
    return grey
  }
  const turned = again(grey).rotate(turn)
  return raw(stretched ? turned.normalise({ lower: 2, upper: 98 }) : turned)
}

function pictureOf(grey: Grey, turned: number, layout: Layout): Picture {
  return { bytes: toGreymapBytes(grey), width: grey.width, height: grey.height, turned, layout }
}

/** Degrees; up to here recognition does not mind, and turning blurs a little. */
const minSkew = 1.4
/** Print this many times wider than high is a sheet's: one of 200 receipts, most invoices. */
const minSheetWidth = 60
/** Pixels of the picture that is measured. */
const measuredWidth = 500
const measuredHeight = 1500

async function measure(whole: Grey): Promise<{ readonly skew: number; readonly layout: Layout }> {
  const small = await raw(again(whole).resize({ width: measuredWidth, height: measuredHeight, fit: 'inside', withoutEnlargement: true }))
  const print = measurePrint(small)
  return { skew: skewOf(small), layout: print !== undefined && print.width >= minSheetWidth * print.height ? 'columns' : 'block' }
}

/** Side of the square that is recognised in each direction: some dozen lines of text. */
const probeSize = 900

function middleOf(whole: Grey): Promise<Grey> {
  const width = Math.min(probeSize, whole.width)
  const height = Math.min(probeSize, whole.height)
  return raw(again(whole).extract({ left: Math.floor((whole.width - width) / 2), top: Math.floor((whole.height - height) / 2), width, height }))
}

function again({ data, width, height }: Grey): Sharp {
  return sharp(data, { raw: { width, height, channels: 1 } })
}

async function raw(pipeline: Sharp): Promise<Grey> {
  const { data, info } = await pipeline.toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

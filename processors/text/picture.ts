import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import type { Box, Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import type { Grey } from './greymap.ts'
import type { Inspection, PageOf, Turn, View } from './messages.ts'
import { measurePrint } from './print-size.ts'
import { skewOf } from './skew.ts'

// One document is one core's work; how many run at once is the pool's size.
sharp.concurrency(1)
sharp.cache(false)

/** A page as it came. */
export interface Whole {
  readonly grey: Grey
  /** Of the document. */
  readonly pages: number
}

/** What an engine looks at. */
export interface Picture {
  readonly grey: Grey
  /** Degrees clockwise from the page as it came (EXIF obeyed): upright and level. */
  readonly turned: number
  readonly layout: Layout
}

/** `block`: short lines of large print, as on a till receipt. `columns`: a sheet of small print whose parts stand side by side. */
export type Layout = 'block' | 'columns'

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

/** Upright by EXIF, grey, on white, at most the bounds' size. */
export async function readImage({ bytes, page }: PageOf, bounds: TextBounds): Promise<Outcome<Whole>> {
  const inspection = await inspectImage(bytes, bounds)
  if (!inspection.ok) {
    return inspection
  }
  const { pages } = inspection.value
  if (pages > bounds.maxOcrPages) {
    return fail('TOO_MANY_PAGES', 'content', `${pages} scanned pages`, bounds.maxOcrPages)
  }
  try {
    const upright = sharp(bytes, { page: page - 1, limitInputPixels: bounds.maxPixels, failOn: 'error' }).autoOrient()
    return succeed({ grey: await toGrey(upright.resize({ width: bounds.maxOcrWidth, height: bounds.maxOcrHeight, fit: 'inside', withoutEnlargement: true })), pages })
  } catch (error) {
    // Pages of a TIFF have sizes of their own; inspection saw the first one's.
    if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
      return fail('TOO_MANY_PIXELS', 'content', 'an image of too many pixels', bounds.maxPixels)
    }
    return fail('CORRUPT', 'content', 'an image that cannot be decoded')
  }
}

/** On white, as bright as it looks. */
export function toGrey(page: Sharp): Promise<Grey> {
  return raw(page.flatten({ background: '#ffffff' }).greyscale())
}

/** A page as it is asked for, levelled. */
export async function toPicture(page: Grey, view: View): Promise<Picture> {
  const whole = await seen(page, view)
  const { skew, layout } = await measure(whole)
  // Another pass over the pixels only where something is to be changed.
  return Math.abs(skew) < minSkew
    ? { grey: whole, turned: view.turn, layout }
    : { grey: await raw(again(whole).rotate(-skew, { background: '#ffffff' })), turned: view.turn - skew, layout }
}

/** Turned and stretched where it is asked for. */
export async function seen(page: Grey, { turn, stretched }: View): Promise<Grey> {
  if (turn === 0 && !stretched) {
    return page
  }
  const turned = again(page).rotate(turn)
  return raw(stretched ? turned.normalise({ lower: 2, upper: 98 }) : turned)
}

/** The same, smaller. */
export function shrink(page: Grey, width: number, height: number): Promise<Grey> {
  return raw(again(page).resize({ width, height, fit: 'inside', withoutEnlargement: true }))
}

/** A part of a page, turned. */
export function cut(page: Grey, { x, y, width, height }: Box, turn: Turn): Promise<Grey> {
  return raw(again(page).extract({ left: x, top: y, width, height }).rotate(turn))
}

/** Degrees; up to here recognition does not mind, and turning blurs a little. */
const minSkew = 1.4
/** Print this many times wider than high is a sheet's: one of 200 receipts, most invoices. */
const minSheetWidth = 60
/** Pixels of the picture that is measured. */
const measuredWidth = 500
const measuredHeight = 1500

async function measure(whole: Grey): Promise<{ readonly skew: number; readonly layout: Layout }> {
  const small = await shrink(whole, measuredWidth, measuredHeight)
  const print = measurePrint(small)
  return { skew: skewOf(small), layout: print !== undefined && print.width >= minSheetWidth * print.height ? 'columns' : 'block' }
}

function again({ data, width, height }: Grey): Sharp {
  return sharp(data, { raw: { width, height, channels: 1 } })
}

async function raw(pipeline: Sharp): Promise<Grey> {
  const { data, info } = await pipeline.toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

import { PDFiumLibrary } from '@hyzyla/pdfium'
import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import { kindOf } from '../text/sniff.ts'
import type { Outcome } from '../types.ts'
import { typePage } from './typewriter.ts'

// One page is one core's work; how many are drawn at once is the pool's size.
sharp.concurrency(1)
sharp.cache(false)

export interface PageTask {
  readonly bytes: Uint8Array
  /** From 1. */
  readonly page: number
  /** Degrees clockwise that the page was turned by when it was read: its boxes are those of the turned page. */
  readonly turned: number
}

export interface PageImage {
  /** PNG */
  readonly bytes: Uint8Array
  /** Pixels */
  readonly width: number
  readonly height: number
}

export interface PageBounds {
  /** Pixels of an image before it is decoded. */
  readonly maxPixels: number
  /** Pixels of what is drawn: a screen shows no more. */
  readonly maxWidth: number
  readonly maxHeight: number
}

/** A page as people see it: in colour, on white, upright by EXIF, then turned as it was read. */
export async function drawPage({ bytes, page, turned }: PageTask, bounds: PageBounds): Promise<Outcome<PageImage>> {
  const kind = kindOf(bytes)
  if (kind === undefined || kind === 'xml' || kind === 'zip') {
    return fail('TYPE_UNSUPPORTED', 'content', 'what has no text and no picture has no pages to draw')
  }
  if (kind !== 'pdf' && kind !== 'image') {
    const typed = typePage(kind, bytes, page)
    return typed.ok ? await drawPage({ bytes: typed.value, page: 1, turned }, bounds) : typed
  }
  try {
    const upright = kind === 'pdf' ? await drawPdf(bytes, page, bounds) : sharp(bytes, { page: page - 1, limitInputPixels: bounds.maxPixels, failOn: 'error' }).autoOrient()
    if (upright === undefined) {
      return fail('CORRUPT', 'content', 'a PDF that cannot be drawn')
    }
    const { data, info } = await onWhite(upright).resize({ width: bounds.maxWidth, height: bounds.maxHeight, fit: 'inside', withoutEnlargement: true }).raw().toBuffer({ resolveWithObject: true })
    const whole = sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
    const drawn = await (turned === 0 ? whole : whole.rotate(turned, { background: '#ffffff' })).png({ compressionLevel: 6 }).toBuffer({ resolveWithObject: true })
    return succeed({ bytes: drawn.data, width: drawn.info.width, height: drawn.info.height })
  } catch (error) {
    return error instanceof Error && error.message.includes('exceeds pixel limit')
      ? fail('TOO_MANY_PIXELS', 'content', 'an image of too many pixels', bounds.maxPixels)
      : fail('CORRUPT', 'content', 'a page that cannot be drawn')
  }
}

const onWhite = (picture: Sharp): Sharp => picture.flatten({ background: '#ffffff' }).toColourspace('srgb')

let library: ReturnType<typeof PDFiumLibrary.init> | undefined

async function drawPdf(bytes: Uint8Array, page: number, bounds: PageBounds): Promise<Sharp | undefined> {
  const document = await (await (library ??= PDFiumLibrary.init())).loadDocument(bytes).catch(() => undefined)
  if (document === undefined) {
    return undefined
  }
  try {
    const sheet = document.getPage(page - 1)
    const { originalWidth, originalHeight } = sheet.getOriginalSize()
    const scale = Math.min(bounds.maxWidth / originalWidth, bounds.maxHeight / originalHeight)
    if (!Number.isFinite(scale) || scale <= 0) {
      return undefined
    }
    const { data, width, height } = await sheet.render({ scale, render: 'bitmap', colorSpace: 'BGRA' })
    return sharp(data, { raw: { width, height, channels: 4 } })
  } finally {
    document.destroy()
  }
}

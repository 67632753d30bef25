import { PDFiumLibrary } from '@hyzyla/pdfium'
import sharp from 'sharp'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import type { PageOf } from './messages.ts'
import type { Whole } from './picture.ts'
import { toGrey } from './picture.ts'

let library: ReturnType<typeof PDFiumLibrary.init> | undefined

type Drawable = Awaited<ReturnType<Awaited<ReturnType<typeof PDFiumLibrary.init>>['loadDocument']>>

/** A PDF to draw pages of, undefined if it is none; the caller destroys it. */
export async function openDrawable(bytes: Uint8Array): Promise<Drawable | undefined> {
  return (await (library ??= PDFiumLibrary.init())).loadDocument(bytes).catch(() => undefined)
}

/** Draws a page for recognition: grey, on white, at most the bounds' size whatever the page claims to measure. */
export async function renderPage({ bytes, page }: PageOf, bounds: TextBounds): Promise<Outcome<Whole>> {
  const document = await openDrawable(bytes)
  if (document === undefined) {
    return fail('CORRUPT', 'content', 'a PDF that cannot be rendered')
  }
  try {
    const sheet = document.getPage(page - 1)
    const { originalWidth, originalHeight } = sheet.getOriginalSize()
    const scale = Math.min(bounds.renderDpi / 72, bounds.maxOcrWidth / originalWidth, bounds.maxOcrHeight / originalHeight)
    if (!Number.isFinite(scale) || scale <= 0) {
      return fail('CORRUPT', 'content', 'a page without a size')
    }
    const image = await sheet.render({ scale, render: 'bitmap', colorSpace: 'BGRA' })
    const drawn = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 4 } })
    return succeed({ grey: await toGrey(drawn), pages: document.getPageCount() })
  } catch {
    return fail('CORRUPT', 'content', 'a page that cannot be rendered')
  } finally {
    document.destroy()
  }
}

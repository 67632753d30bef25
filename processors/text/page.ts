import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import type { PageOf } from './messages.ts'
import type { Whole } from './picture.ts'
import { readImage } from './picture.ts'
import { renderPage } from './render.ts'

/** A page of a document in grey: what the recognising processes look at. */
export function wholePage(page: PageOf, bounds: TextBounds): Promise<Outcome<Whole>> {
  return page.kind === 'pdf' ? renderPage(page, bounds) : readImage(page, bounds)
}

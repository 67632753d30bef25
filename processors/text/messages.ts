import type { ContainerKind, Unfolded } from '../containers/index.ts'
import type { EInvoice, Outcome, TextLine, TextPage, TextWord } from '../types.ts'
import type { TextBounds } from './bounds.ts'

/** Digital text without places: it gets those of a typewriter. */
export type FlowKind = 'text' | 'html' | 'mail' | 'rtf' | OfficeKind

export type OfficeKind = 'docx' | 'xlsx' | 'pptx' | 'odt' | 'ods' | 'odp'

export type DocumentKind = 'pdf' | 'image' | 'xml' | 'zip' | FlowKind

/** Tasks of the parsing processes. */
export type ParseTask =
  | { readonly do: 'inspect'; readonly kind: DocumentKind; readonly bytes: Uint8Array; readonly bounds: TextBounds }
  | { readonly do: 'read-pdf'; readonly bytes: Uint8Array; readonly bounds: TextBounds }
  | { readonly do: 'read-xml'; readonly bytes: Uint8Array; readonly bounds: TextBounds }
  | { readonly do: 'read-flow'; readonly kind: FlowKind; readonly bytes: Uint8Array; readonly bounds: TextBounds }
  /** Some of a container's parts, from a place on. */
  | { readonly do: 'unfold'; readonly kind: ContainerKind; readonly bytes: Uint8Array; readonly from: number; readonly bounds: TextBounds }
  /** How many pages an image has, and the first as it is, unless it is known what becomes of it. */
  | { readonly do: 'open-image'; readonly bytes: Uint8Array; readonly first?: Outcome<Picture>; readonly bounds: TextBounds }
  /** Grey, upright, bounded: what the recogniser gets. */
  | { readonly do: 'picture'; readonly kind: 'pdf' | 'image'; readonly bytes: Uint8Array; readonly page: number; readonly view: View; readonly bounds: TextBounds }

export interface View {
  /** Degrees clockwise. */
  readonly turn: 0 | 90 | 180 | 270
  /** Only the middle: enough to tell whether this is the right way up. */
  readonly probe: boolean
  /** Contrast drawn out, for a page that is hard to tell from its surroundings. */
  readonly stretched: boolean
}

/** How a page is looked at first. */
export const asItIs: View = { turn: 0, probe: false, stretched: false }

export interface OpenedImage {
  readonly pages: number
  readonly first: Outcome<Picture>
}

export interface Inspection {
  /** 0 where there are none to count: XML, and what is no document but holds some. */
  readonly pages: number
  /** Documents of their own inside of it. */
  readonly parts: number
}

export interface PdfPage {
  readonly number: number
  readonly width: number
  readonly height: number
  readonly lines: readonly TextLine[]
  /** False when there is too little text or it is garbage: the page is recognised instead. */
  readonly usable: boolean
  /** Usable, but little beside much that is only drawn: it is recognised, and the fuller reading is kept. */
  readonly sparse: boolean
  /** The page's content could not be read at all. */
  readonly broken: boolean
}

export interface PdfContent {
  readonly pages: readonly PdfPage[]
  readonly eInvoice?: EInvoice
}

export interface Picture {
  /** A portable greymap (P5). */
  readonly bytes: Uint8Array
  readonly width: number
  readonly height: number
  /** Degrees clockwise from the page as it came (EXIF obeyed): upright and level. */
  readonly turned: number
  readonly layout: Layout
}

/** `block`: short lines of large print, as on a till receipt. `columns`: a sheet of small print whose parts stand side by side. */
export type Layout = 'block' | 'columns'

export type ParseResult = Outcome<Inspection | PdfContent | EInvoice | readonly TextPage[] | Unfolded | OpenedImage | Picture>

/** Task of the recognising processes. */
export interface RecogniseTask {
  readonly picture: Uint8Array
  readonly layout: Layout
}

/** A word as an engine saw it. */
export interface RecognisedWord extends TextWord {
  /** One for each character of `text`: how sure, and where its middle is. */
  readonly characters: readonly { readonly confidence: number; readonly x: number }[]
}

/** What every engine answers. */
export interface Recognition {
  /** Words of each line from left to right, lines in the order of reading. */
  readonly lines: readonly (readonly RecognisedWord[])[]
}

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

/** Degrees clockwise. */
export type Turn = 0 | 90 | 180 | 270

export interface View {
  readonly turn: Turn
  /** Contrast drawn out, for a page that is hard to tell from its surroundings. */
  readonly stretched: boolean
}

/** How a page is looked at first. */
export const asItIs: View = { turn: 0, stretched: false }

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

export type ParseResult = Outcome<Inspection | PdfContent | EInvoice | readonly TextPage[] | Unfolded>

/** A page that can be had as a picture. */
export interface PageOf {
  readonly kind: 'pdf' | 'image'
  /** The document's. */
  readonly bytes: Uint8Array
  /** From 1. */
  readonly page: number
}

/**
 * Task of the recognising processes. They make the picture themselves: it is several times as large as the document, and passing it on
 * costs more than making it.
 */
export interface RecogniseTask extends PageOf {
  readonly do: 'recognise'
  readonly view: View
  readonly bounds: TextBounds
}

/** Which way would the page be read better than it is? The answer is a `Direction`. */
export interface DirectionTask extends PageOf {
  readonly do: 'find-direction'
  /** Of the whole page as it is, as `qualityOf` says. */
  readonly quality: number
  /** Contrast drawn out. */
  readonly stretched: boolean
  readonly bounds: TextBounds
}

/** The best of the other directions, by a part of the page. */
export interface Direction {
  readonly turn: Turn
  /** Of what was read there; 0 (and no turn) where too little was. */
  readonly quality: number
}

/** A word as an engine saw it. */
export interface RecognisedWord extends TextWord {
  /** One for each character of `text`: how sure, and where its middle is. */
  readonly characters: readonly { readonly confidence: number; readonly x: number }[]
}

/** What every engine answers. */
export interface Recognition {
  /** Of the picture that was looked at, pixels. */
  readonly width: number
  readonly height: number
  /** Degrees clockwise from the page as it came (EXIF obeyed): upright and level. */
  readonly turned: number
  /** Pages of the document. */
  readonly pages: number
  /** Words of each line from left to right, lines in the order of reading. */
  readonly lines: readonly (readonly RecognisedWord[])[]
}

import type { ContainerBounds } from '../containers/index.ts'
import { defaultContainerBounds } from '../containers/index.ts'

/** What a document may cost. Every bound is checked before the work it bounds; a tenant may have tighter ones. */
export interface TextBounds extends ContainerBounds {
  readonly maxPages: number
  /** Pages without a usable text layer that are recognised in one document. */
  readonly maxOcrPages: number
  /** Width × height of an image before it is decoded. */
  readonly maxPixels: number
  /** Characters of all pages. */
  readonly maxCharacters: number
  readonly maxLinesPerPage: number
  readonly maxAttachments: number
  readonly maxXmlBytes: number
  readonly maxXmlElements: number
  readonly maxXmlDepth: number
  /** Files of an office document: a presentation has one for every picture and slide. */
  readonly maxOfficeParts: number
  /** One XML file of an office document; it says more words about every one of the text's. */
  readonly maxOfficeXmlBytes: number
  /** Images wider or higher are scaled down before recognition; more only costs time (PP and tesseract gain nothing above). */
  readonly maxOcrWidth: number
  readonly maxOcrHeight: number
  readonly renderDpi: number
  /** ms; a parser's endless loop ends here. */
  readonly inspectTimeoutMs: number
  readonly parseTimeoutMs: number
  readonly pageTimeoutMs: number
}

export const defaultTextBounds: TextBounds = {
  ...defaultContainerBounds,
  maxPages: 500,
  maxOcrPages: 100,
  maxPixels: 100_000_000,
  maxCharacters: 2_000_000,
  maxLinesPerPage: 20_000,
  maxAttachments: 100,
  maxXmlBytes: 5 * 1024 * 1024,
  maxXmlElements: 200_000,
  maxXmlDepth: 64,
  maxOfficeParts: 5000,
  maxOfficeXmlBytes: 32 * 1024 * 1024,
  maxOcrWidth: 1700,
  maxOcrHeight: 6000,
  renderDpi: 200,
  inspectTimeoutMs: 30_000,
  parseTimeoutMs: 90_000,
  pageTimeoutMs: 60_000,
}

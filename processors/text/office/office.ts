import type { Outcome } from '../../types.ts'
import type { TextBounds } from '../bounds.ts'
import type { Block } from '../flow.ts'
import type { OfficeKind } from '../messages.ts'
import { docxBlocks } from './docx.ts'
import { odfBlocks } from './odf.ts'
import { OfficePackage } from './package.ts'
import { pptxBlocks } from './pptx.ts'
import { xlsxBlocks } from './xlsx.ts'

const readers: { readonly [kind in OfficeKind]: (office: OfficePackage) => Outcome<Block[]> } = {
  docx: docxBlocks, xlsx: xlsxBlocks, pptx: pptxBlocks, odt: odfBlocks, ods: odfBlocks, odp: odfBlocks,
}

/** Text and tables of an office document. Macros, embedded objects and links to elsewhere are left alone. */
export function officeBlocks(kind: OfficeKind, bytes: Uint8Array, bounds: TextBounds): Outcome<Block[]> {
  const office = OfficePackage.open(bytes, bounds)
  return office.ok ? readers[kind](office.value) : office
}

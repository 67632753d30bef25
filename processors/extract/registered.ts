import type { Layout, Run } from './layout.ts'
import { plainText, runAbove } from './layout.ts'

/** What the law has a company print at the foot of its letters: capital, register, seat. */
const register = / (?:au capital|rcs|siret|siege social|amtsgericht|registergericht|handelsregister|hr[ab]|sitz der gesellschaft|geschaftsfuhrer|registered office|registered in|company reg|company registration|kvk|handelsregisternr|capital social|capitale sociale|reg imprese|registro mercantil|sede legale|domicilio social|corporate office|cin|org nr|cvr) /
/** Part of the page, from its top, below which it stands. */
const highest = 0.6
const maxName = 60

/**
 * Names at the foot of the first page to which what the law demands belongs: before it in the same line up to the legal form, or in the line above.
 * A part of a line is a run of its own.
 */
export function registeredNames(layout: Layout, legalForm: RegExp): readonly Run[] {
  const found: Run[] = []
  for (const row of layout.rows) {
    if (row.page !== 1 || row.position < highest) {
      continue
    }
    for (const run of row.runs) {
      const plain = plainText(run.text)
      const at = register.exec(plain)?.index
      if (at === undefined) {
        continue
      }
      const form = legalForm.exec(run.text)
      const name = form === null || form.index < 3 || form.index > maxName ? undefined : run.text.slice(0, form.index + form[0].length)
      // Only a name stands before its legal form: no word of the register, no number.
      const above = at <= maxName ? runAbove(layout, run, 1) : undefined
      if (name !== undefined && !register.test(plainText(name)) && !/[\d:,;]/.test(name)) {
        found.push({ ...run, text: name, plain: plainText(name) })
      } else if (above !== undefined) {
        found.push(above)
      }
    }
  }
  return found
}

import { readFileSync } from 'node:fs'
import t from 'tap'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Fields of an interface with the terms of EN 16931 that its comments name. */
function declared(name: string): Map<string, readonly string[]> {
  const body = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(read('processors/types.ts'))![1]!
  return new Map([...body.matchAll(/(?:\/\*\* (.*?) \*\/\s*)?readonly (\w+)\??: (?:Field)\n?/g)].map((match) => [match[2]!, (match[1] ?? '').match(/BT-[X\d-]+/g) ?? []]))
}

t.test('the page of fields is that of the types: every field with its terms, no other', async (t) => {
  const sections = new Map(read('docs/reference/fields.md').split(/^## /m).slice(1).map((section) => [section.split('\n', 1)[0]!, section]))
  for (const [title, name, least] of [['Document', 'DocumentFields', 45], ['Parties', 'Party', 19], ['Lines', 'LineItem', 20], ['Tax lines', 'TaxLine', 6], ['Adjustments', 'Adjustment', 8]] as const) {
    const rows = new Map([...sections.get(title)!.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map((match) => [match[1]!, match[2]!.match(/BT-[X\d-]+/g) ?? []]))
    t.same([...rows], [...declared(name)], name)
    t.ok(rows.size >= least, `${name}: ${rows.size} fields`)
  }
})

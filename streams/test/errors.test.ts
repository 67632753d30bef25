/** The catalogue and its documentation name the same codes. */
import { readFileSync } from 'node:fs'
import t from 'tap'

t.test('every error code is documented, and nothing else', async (t) => {
  const catalogue = readFileSync(new URL('../errors.ts', import.meta.url), 'utf8')
  const codes = [...catalogue.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1])
  const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8')
  const documented = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1])
  t.ok(codes.length > 30)
  t.same([...documented].sort(), [...codes].sort())
})

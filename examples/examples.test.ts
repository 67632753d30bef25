/** The tests that lie beside the examples, in one process. Each also runs alone: `node examples/01-word-count/test.ts`. */
import { readdirSync } from 'node:fs'
import t from 'tap'

const examples = readdirSync(import.meta.dirname).filter((name) => /^\d\d-/.test(name)).sort()
t.ok(examples.length >= 12, `${examples.length} examples`)
for (const example of examples) {
  await import(`./${example}/test.ts`)
}

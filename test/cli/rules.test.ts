/** `npm run rules`: what can be said without servers. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checked } from '../../cli/rules/check.ts'
import { usage } from '../../cli/rules/usage.ts'

const page = /```json\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'rules.md'), 'utf8'))![1]!

t.test('the set that the page shows is good', async (t) => {
  const file = join(t.testdir({ 'set.json': page }), 'set.json')
  t.match(await checked(file), { id: 'default', version: 1, rules: { length: 2 }, examples: { length: 2 } })
})

t.test('what is wrong is said with its rule, its place and what would be right', async (t) => {
  const folder = t.testdir({ 'set.json': page.replace('purchaseOrderNumber.normalised", "operator": "matches", "value": "PO-', 'orderNumber.normalised", "operator": "matches", "value": "(PO|B)-') })
  const file = join(folder, 'set.json')
  const refusal = async (): Promise<string> => checked(file).then(() => 'good', (error: { readonly message: string; readonly exitCode: number }) => `${error.exitCode} ${error.message}`)
  const said = await refusal()
  t.match(said, /^1 .*set\.json is refused:/)
  t.match(said, /rules\[0\]\.require\.path \(rule order-number\): fields has no orderNumber\.normalised: see docs\/rules\.md/)
  t.match(said, /rules\[0\]\.require\.value \(rule order-number\): '\(' is not part of patterns .*use any/)
  writeFileSync(file, page.replace('"adds-up": "passed"', '"adds-up": "failed"'))
  t.match(await refusal(), /examples\[0\]\.expect\.adds-up: failed expected in "an invoice as it should be", the rule says passed/)
  writeFileSync(file, '{')
  t.match(await refusal(), /^1 .*set\.json: .*JSON/)
  writeFileSync(file, 'null')
  t.match(await refusal(), /the set: an object expected/)
  writeFileSync(file, ' '.repeat(1024 * 1024 + 1))
  t.match(await refusal(), /more than 1048576 bytes/)
})

t.test('usage', async (t) => {
  t.match(usage(['put', 'x', '--tenant', 'acme', '--type', 'receipt']), { command: 'put', file: 'x', tenant: 'acme', type: 'receipt' })
  t.match(usage(['list']), { command: 'list', file: '' })
  t.equal(usage(['--help']).command, undefined)
  for (const [args, message] of [
    [[], /say what to do/], [['drop'], /no command 'drop'/], [['check'], /takes one file/], [['list', 'x'], /no file/], [['put', 'x'], /--tenant/], [['put', 'x', '--tenant', 'A B'], /--tenant/],
    [['put', 'x', '--tenant', 'a', '--type', 'novel'], /--type/], [['check', 'x', '--type', 'receipt'], /--type/], [['check', 'x', '--wrong'], /--wrong/],
  ] as const) {
    t.throws(() => usage(args), { exitCode: 2, message }, args.join(' '))
  }
})

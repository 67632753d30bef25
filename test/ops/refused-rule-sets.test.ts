import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { Registry, type RuleSetRefusal } from '../../avro/index.ts'
import { RefusedRuleSets } from '../../ops/index.ts'
import { topics } from '../../topology/topics.ts'

const refusal = (tenantId: string, ruleSetId: string, version: number, reasons: RuleSetRefusal['reasons'] = []): RuleSetRefusal => ({ tenantId, ruleSetId, version, at: version * 10, reasons })

/** Nothing is connected before start(). */
const open = (): RefusedRuleSets =>
  new RefusedRuleSets({
    cluster: createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'test' }),
    registry: new Registry({ url: 'http://127.0.0.1:1' }),
    topics: topics(),
    tenants: { label: (id) => (id === 'acme' ? id : 'unknown') },
    onWarning: () => undefined,
  })

t.test('the last refused first; one that was mended is gone', (t) => {
  const refused = open()
  refused.note('acme|house', refusal('acme', 'house', 1))
  refused.note('acme|default', refusal('acme', 'default', 2))
  refused.note('acme|house', refusal('acme', 'house', 3))
  refused.note('made-up|x', refusal('made-up', 'x', 4))
  t.same(refused.list().map(({ tenant, ruleSetId, version, at }) => [tenant, ruleSetId, version, at]), [['unknown', 'x', 4, 40], ['acme', 'house', 3, 30], ['acme', 'default', 2, 20]])
  refused.note('acme|default', null)
  refused.note('acme|never', null)
  t.same(refused.list().map(({ ruleSetId }) => ruleSetId), ['x', 'house'])
  t.end()
})

t.test('reasons name places; what a tenant called its examples is not shown; neither sets nor reasons without end', (t) => {
  const refused = open()
  const failed = { code: 'RULE_EXAMPLE_FAILED', message: 'failed expected in "Invoice of Mrs Smith", the rule says passed', field: 'examples[0].expect.total', limit: null }
  const invalid = { code: 'RULE_SET_INVALID', message: 'a condition expected', field: 'rules[0].when', limit: null }
  refused.note('acme|house', refusal('acme', 'house', 1, [failed, ...Array.from({ length: 9 }, () => invalid)]))
  const [shown] = refused.list()
  t.equal(shown!.errors, 10)
  t.equal(shown!.reasons.length, 5)
  t.same(shown!.reasons.slice(0, 2), [
    { code: 'RULE_EXAMPLE_FAILED', field: 'examples[0].expect.total', message: null },
    { code: 'RULE_SET_INVALID', field: 'rules[0].when', message: 'a condition expected' },
  ])
  for (let n = 0; n < 150; n++) {
    refused.note(`acme|${n}`, refusal('acme', String(n), 2))
  }
  t.equal(refused.list().length, 100)
  t.equal(refused.list()[0]!.ruleSetId, '149')
  const other = open()
  other.note('globex|house', refusal('globex', 'house', 1))
  for (let n = 0; n < 150; n++) {
    other.note(`acme|${n}`, refusal('acme', String(n), 2))
  }
  t.equal(other.list().length, 100)
  t.equal(other.list().at(-1)!.ruleSetId, 'house', 'a tenant pushes out its own')
  t.end()
})

/** docs/streams/metrics.md names every series of the engine, and no other. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { registerMetrics } from 'millrace'
import { Registry } from 'prom-client'
import t from 'tap'

t.test('every series, and no other', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'streams', 'metrics.md'), 'utf8')
  const written = new Set([...page.matchAll(/`((?:stream|millrace)_[a-z0-9_]+)/g)].map((match) => match[1]!))
  const registry = new Registry()
  registerMetrics(registry, { state: 'RUNNING', metrics: async () => [] })
  t.same([...written].sort(), registry.getMetricsAsArray().map(({ name }) => name).sort())
})

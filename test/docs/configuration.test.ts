/** docs/streams/configuration.md names every setting of the engine, with its default; docs/streams/metrics.md every series. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KafkaStreams, registerMetrics } from 'millrace'
import { Registry } from 'prom-client'
import t from 'tap'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'streams', 'configuration.md'), 'utf8')
const rows = page.split('\n').flatMap((line) => {
  const match = /^\| (`[^|]+`) \| ([^|]+) \|/.exec(line)
  return match === null ? [] : [...match[1]!.matchAll(/`([^`]+)`/g)].map((name) => ({ name: name[1]!, fallback: match[2]!.trim() }))
})
const minimal = { topology: () => undefined, applicationId: 'a', bootstrapServers: 'h:1', threads: 'in-process' as const }

t.test('every setting, and no other', async (t) => {
  try {
    new KafkaStreams({ ...minimal, ...{ noSuchSetting: 1 } })
    t.fail('an unknown setting is refused')
  } catch (error) {
    const known = /known are ([^.]+)\./.exec((error as Error).message)![1]!.split(', ')
    t.same(rows.map(({ name }) => name).sort(), known.sort())
  }
})

t.test('defaults are those of the code', async (t) => {
  const config = new KafkaStreams(minimal).config as unknown as { readonly [name: string]: unknown }
  let compared = 0
  for (const { name, fallback } of rows) {
    const [number, unit] = /^(-?\d+)( MiB)?$/.exec(fallback)?.slice(1) ?? []
    const text = /^`([^`]+)`$/.exec(fallback)?.[1]
    if (number !== undefined && config[name] !== undefined && name !== 'threads') {
      t.equal(config[name], Number(number) * (unit === undefined ? 1 : 1024 * 1024), name)
      compared++
    } else if (text !== undefined) {
      t.equal(config[name], text, name)
      compared++
    }
  }
  t.ok(compared > 15, `${compared} defaults`)
})

t.test('every series, and no other', async (t) => {
  const metrics = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'streams', 'metrics.md'), 'utf8')
  const written = new Set([...metrics.matchAll(/`((?:stream|millrace)_[a-z0-9_]+)/g)].map((match) => match[1]!))
  const registry = new Registry()
  registerMetrics(registry, { state: 'RUNNING', metrics: async () => [] })
  t.same([...written].sort(), registry.getMetricsAsArray().map(({ name }) => name).sort())
})

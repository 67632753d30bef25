/** The arrows of the house: which folder may import which. Every import of the tree is walked. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** A room may import itself and these. `avro/types.ts` is a room of its own: plain types that the domain may see. */
const ALLOWED: { readonly [room: string]: readonly string[] | 'everything' } = {
  'state-stores': [],
  streams: ['state-stores'],
  'avro/types': [],
  avro: ['streams', 'avro/types'],
  content: [],
  processors: ['avro/types'],
  // runners of what processors ask for
  models: ['processors', 'streams'],
  // Connect's REST and dead letters need the client layer, readers and definitions the schemas
  connectors: ['streams', 'avro', 'avro/types'],
  stack: [],
  docker: ['stack'],
  samples: [],
  // it judges the product's steps; nobody needs it
  evaluation: ['processors', 'samples'],
  topology: ['processors', 'models', 'streams', 'avro', 'avro/types', 'content', 'connectors', 'api', 'ops'],
  api: ['topology', 'processors', 'connectors', 'content', 'avro', 'avro/types', 'streams'],
  // it measures the tenants' door through the observer that door declares
  ops: ['api', 'topology', 'streams', 'avro', 'avro/types'],
  cli: 'everything',
  benchmarks: 'everything',
  test: 'everything',
  examples: ['streams', 'state-stores'],
}

const PACKAGES: { readonly [name: string]: string } = { millrace: 'streams', 'millrace-state-stores': 'state-stores' }

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      return entry.name === 'node_modules' || entry.name.startsWith('.') || entry.name === 'dist' ? [] : files(path)
    }
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

function roomOf(path: string): string {
  const inside = relative(ROOT, path).split(sep)
  return inside[0] === 'avro' && inside[1] === 'types.ts' ? 'avro/types' : inside[0]!
}

/** Rooms that a file imports, by the specifier as written. */
function imports(path: string): { readonly specifier: string; readonly room: string | undefined }[] {
  const source = readFileSync(path, 'utf8')
  const found = [...source.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm)]
  return found.map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3])!
    if (specifier.startsWith('.')) {
      return { specifier, room: roomOf(resolve(dirname(path), specifier)) }
    }
    const name = specifier.split('/')[0]!
    return { specifier, room: PACKAGES[name] }
  })
}

const all = files(ROOT)

t.test('imports follow the arrows', async (t) => {
  const wrong: string[] = []
  let walked = 0
  for (const path of all) {
    const room = roomOf(path)
    const allowed = ALLOWED[room]
    for (const { specifier, room: target } of imports(path)) {
      walked += 1
      const ok = target === undefined || target === room || allowed === 'everything' || allowed?.includes(target) === true
      if (!ok) {
        wrong.push(`${relative(ROOT, path)} imports ${specifier}`)
      }
    }
  }
  t.ok(walked > 500, `${walked} imports were walked`)
  t.same(wrong, [])
})

t.test('nobody imports the command line but what tests and measures the packages it builds', async (t) => {
  t.same(all.filter((path) => !['cli', 'test', 'benchmarks'].includes(roomOf(path)) && imports(path).some(({ room }) => room === 'cli')).map((path) => relative(ROOT, path)), [])
})

t.test('the packages name what they import', async (t) => {
  for (const [name, folder] of Object.entries(PACKAGES)) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { dependencies?: object; devDependencies?: object }
    const shipped = all.filter((path) => roomOf(path) === folder && !relative(ROOT, path).includes(`${sep}test${sep}`))
    const missing = new Set<string>()
    for (const { specifier } of shipped.flatMap(imports)) {
      const scoped = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
      if (!specifier.startsWith('.') && !specifier.startsWith('node:') && scoped !== name && !(scoped in dependencies) && !(scoped in devDependencies)) {
        missing.add(scoped)
      }
    }
    t.same([...missing], [], `${name} depends on what it imports`)
    t.same(
      shipped.flatMap((path) => imports(path).filter(({ specifier, room }) => specifier.startsWith('.') && room !== folder).map(({ specifier }) => `${relative(ROOT, path)}: ${specifier}`)),
      [],
      `${name} reaches its neighbours by name only`,
    )
  }
})

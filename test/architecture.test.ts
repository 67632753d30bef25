// Walks the imports of the whole tree: an arrow that points the wrong way, or an undeclared dependency, fails here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const checkout = dirname(dirname(fileURLToPath(import.meta.url)))
const ignored = new Set(['node_modules', '.millrace', '.git', '.tap', 'dist', 'target'])

/** The packages of this repository, by the name they are imported under. */
const packages: Readonly<Record<string, string>> = { millrace: 'streams', 'millrace-state-stores': 'state-stores' }

/** What a folder may import of the others. A folder that is not listed is an outer one: only `cli` is closed to it. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'state-stores': [],
  streams: ['state-stores'],
  avro: ['streams'],
  processors: ['avro'],
  content: [],
  stack: [],
  connectors: ['streams', 'avro', 'topology', 'stack'],
  api: ['topology', 'connectors', 'content', 'avro', 'streams'],
  topology: ['processors', 'streams', 'avro', 'content', 'connectors', 'api', 'ops']
}

interface Import {
  readonly file: string
  readonly specifier: string
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) {
      return ignored.has(entry.name) ? [] : sources(join(folder, entry.name))
    }
    return /\.(ts|js)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [join(folder, entry.name)] : []
  })
}

/** Static and dynamic imports and re-exports with a literal specifier. Templates and comments hold none by our style. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  const found = text.matchAll(/^\s*(?:import|export)\s+(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm)
  return [...found].map(([, still, moving]) => ({ file: relative(checkout, file), specifier: still ?? moving ?? '' }))
}

const packageName = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
const topFolder = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : '')

/** The folder of this repository that an import leads to; undefined for packages of others. */
function targetOf({ file, specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? topFolder(relative(checkout, resolve(checkout, dirname(file), specifier))) : packages[packageName(specifier)]
}

const all = sources(checkout).flatMap(importsOf)
const show = ({ file, specifier }: Import): string => `${file} imports ${specifier}`

t.ok(all.length > 100, 'imports are found at all')

t.test('every arrow points the right way', async (t) => {
  const wrong = all.filter((found) => {
    const from = topFolder(found.file)
    const to = targetOf(found)
    // Tests inside a package are its own; those beside it may look at everything.
    return to !== undefined && to !== from && from !== 'test' && (to === 'cli' || to === 'test' || (arrows[from] !== undefined && !arrows[from].includes(to)))
  })
  t.same(wrong.map(show), [])
})

t.test('the narrow arrows are no wider', async (t) => {
  const wrong = all.filter((found) => {
    const to = targetOf(found)
    return (topFolder(found.file) === 'avro' && to === 'streams' && found.specifier !== 'millrace') || (topFolder(found.file) === 'processors' && to === 'avro' && !found.specifier.includes('/avro/types'))
  })
  t.same(wrong.map(show), [], 'avro takes only the serde contract of the engine, processors only the types of avro')
})

t.test('across packages imports go by name', async (t) => {
  const inside = new Set(Object.values(packages))
  const wrong = all.filter((found) => {
    const to = targetOf(found)
    return found.specifier.startsWith('.') && to !== undefined && inside.has(to) && to !== topFolder(found.file)
  })
  t.same(wrong.map(show), [])
})

t.test('a package imports only what its package.json names', async (t) => {
  const builtin = new Set(builtinModules)
  const development = Object.keys((JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { devDependencies: object }).devDependencies)
  for (const [name, folder] of Object.entries(packages)) {
    const own = JSON.parse(readFileSync(join(checkout, folder, 'package.json'), 'utf8')) as { dependencies?: object; peerDependencies?: object; optionalDependencies?: object }
    const declared = new Set([name, ...Object.keys({ ...own.dependencies, ...own.peerDependencies, ...own.optionalDependencies })])
    const wrong = all.filter(({ file, specifier }) => {
      const inTest = file.startsWith(`${folder}/test/`)
      const bare = packageName(specifier)
      return topFolder(file) === folder && !specifier.startsWith('.') && !specifier.startsWith('node:') && !builtin.has(bare) && !declared.has(bare) && !(inTest && development.includes(bare))
    })
    t.same(wrong.map(show), [], name)
  }
})

t.test('relative imports name a file that is there', async (t) => {
  const wrong = all.filter(({ file, specifier }) => specifier.startsWith('.') && !existsSync(resolve(checkout, dirname(file), specifier)))
  t.same(wrong.map(show), [])
})

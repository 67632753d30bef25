/** The programs in the documentation, as files that a compiler can check: what somebody pastes must be right. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkout } from './installed.ts'

/** Where programs against the two packages are shown. */
const PAGES = ['README.md', 'docs', 'streams', 'state-stores']

interface Snippet {
  /** The page and the line of its first line, as `docs/streams/joins.md:20`. */
  readonly place: string
  readonly code: string
}

/** Every block marked `ts`. */
function snippets(): Snippet[] {
  return PAGES.flatMap(pages).flatMap((page) => {
    const text = readFileSync(join(checkout, page), 'utf8')
    return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((block) => ({ place: `${page}:${text.slice(0, block.index).split('\n').length + 1}`, code: block[1]! }))
  })
}

function pages(path: string): string[] {
  if (path.endsWith('.md')) {
    return [path]
  }
  return readdirSync(join(checkout, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(checkout, join(entry.parentPath, entry.name)))
}

/**
 * Writes each as a module into `folder`. Names of the packages that it uses and does not import are imported; what else it takes for
 * granted (`orders`, `app`) is declared in `consumer/pages.d.mts`. Settings alone become an object of them. Returns how many there are.
 */
export function writeSnippets(folder: string): number {
  mkdirSync(folder)
  const exported = [
    ['millrace', 'streams/index.ts'],
    ['millrace/testing', 'streams/testing/index.ts'],
    ['millrace/state-stores', 'state-stores/index.ts'],
  ].map(([entry, file]) => ({ entry: entry!, names: exportsOf(join(checkout, file!)) }))
  const all = snippets()
  for (const snippet of all) {
    const name = snippet.place.replace('.md:', '-').replaceAll('/', '-')
    const own = new Set([...snippet.code.matchAll(/(?:^import [^;]*?|\b(?:const|let|class|interface|function|type)\s+)(\{[^}]*\}|\w+)/gm)].flatMap((found) => found[1]!.match(/\w+/g) ?? []))
    const imports = exported.flatMap(({ entry, names }) => {
      const used = names.filter((each) => !own.has(each) && new RegExp(`\\b${each}\\b`).test(snippet.code))
      for (const each of used) {
        own.add(each)
      }
      return used.length === 0 ? [] : [`import { ${used.join(', ')} } from '${entry}'`]
    })
    const body = /^\w+: /.test(snippet.code) ? `export const settings: Partial<import('millrace').KafkaStreamsOptions> = {\n${snippet.code}}` : snippet.code
    writeFileSync(join(folder, `${name}.ts`), `${imports.join('; ')}\n${body}\nexport {}\n`)
  }
  return all.length
}

/** The names an entry point exports; `A as B` is B. */
function exportsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap((list) =>
    list[1]!.split(',').map((name) => name.trim().replace(/^type /, '').replace(/^.* as /, '')).filter((name) => name !== ''),
  )
}

/** Every relative link of every page leads somewhere, in the checkout and in the package. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..', '..')
const skipped = new Set(['node_modules', 'dist', '.git', '.millrace', '.tap'])

function pages(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      return skipped.has(entry.name) || entry.name.startsWith('.') ? [] : pages(path)
    }
    return entry.name.endsWith('.md') ? [path] : []
  })
}

/** Targets of `[text](target)` outside code, without their anchors. */
function links(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((target) => !/^[a-z]+:|^#/.test(target)).map((target) => target.split('#')[0]!)
}

t.test('links lead to files', async (t) => {
  const all = pages(root)
  const broken = all.flatMap((page) => links(page).filter((target) => !existsSync(join(dirname(page), target))).map((target) => `${relative(root, page)} → ${target}`))
  t.ok(all.length > 30)
  t.same(broken, [])
})

t.test('pages that are packed link to nothing outside of what is packed', async (t) => {
  const docs = join(root, 'docs')
  const outside = pages(join(docs, 'streams')).flatMap((page) =>
    links(page).map((target) => relative(docs, join(dirname(page), target))).filter((target) => !target.startsWith('streams') && target !== 'reference/errors.md').map((target) => `${relative(root, page)} → ${target}`),
  )
  t.same(outside, [])
})

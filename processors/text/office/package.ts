import type { ZipEntry } from '../../containers/index.ts'
import { defaultContainerBounds, readZipDirectory, unzipEntry } from '../../containers/index.ts'
import { fail, succeed } from '../../failure.ts'
import type { Outcome } from '../../types.ts'
import type { TextBounds } from '../bounds.ts'
import type { XmlNode } from '../xml.ts'
import { decodeXml, parseMixedXml } from '../xml.ts'

/** Some thirty tables in tables; the parser itself goes no deeper. */
const maxDepth = 100

/** The parts of an office document: a ZIP of XML files that name each other. What it names outside of itself is never looked at. */
export class OfficePackage {
  readonly #bytes: Uint8Array
  readonly #bounds: TextBounds
  readonly #entries: ReadonlyMap<string, ZipEntry>

  private constructor(bytes: Uint8Array, entries: ReadonlyMap<string, ZipEntry>, bounds: TextBounds) {
    this.#bytes = bytes
    this.#entries = entries
    this.#bounds = bounds
  }

  static open(bytes: Uint8Array, bounds: TextBounds): Outcome<OfficePackage> {
    // One document, not a container: what the mail or archive it came in may still hold does not bound it.
    const { maxUnfoldedBytes } = defaultContainerBounds
    const entries = readZipDirectory(bytes, { maxParts: bounds.maxOfficeParts, maxUnfoldedBytes, maxExpansion: bounds.maxExpansion })
    return entries.ok ? succeed(new OfficePackage(bytes, new Map(entries.value.map((entry) => [entry.name, entry])), bounds)) : entries
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** @returns CORRUPT where there is no such part */
  xml(name: string): Outcome<XmlNode> {
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      return fail('CORRUPT', 'content', 'an office document without one of its parts')
    }
    const { maxOfficeXmlBytes, maxXmlElements } = this.#bounds
    if (entry.size > maxOfficeXmlBytes) {
      return fail('TOO_LARGE', 'content', `a part of ${entry.size} bytes in an office document`, maxOfficeXmlBytes)
    }
    const content = unzipEntry(this.#bytes, entry)
    const text = content.ok ? decodeXml(content.value, { maxXmlBytes: maxOfficeXmlBytes }) : content
    return text.ok ? parseMixedXml(text.value, { maxXmlBytes: maxOfficeXmlBytes, maxXmlElements, maxXmlDepth: maxDepth }) : text
  }

  /** The same for a part that need not be there. */
  optional(name: string): Outcome<XmlNode | undefined> {
    return this.#entries.has(name) ? this.xml(name) : succeed(undefined)
  }

  /** Targets of a part's relationships (ECMA-376, part 2, 6.5) inside of the package, by id. */
  relations(part: string): Outcome<ReadonlyMap<string, string>> {
    const slash = part.lastIndexOf('/')
    const folder = part.slice(0, slash + 1)
    const root = this.optional(`${folder}_rels/${part.slice(slash + 1)}.rels`)
    if (!root.ok) {
      return root
    }
    const targets = new Map<string, string>()
    for (const relation of childrenOf(root.value, 'Relationship')) {
      const target = relation.attributes.get('Target') ?? ''
      if (relation.attributes.get('TargetMode') !== 'External') {
        targets.set(relation.attributes.get('Id') ?? '', resolve(folder, target))
      }
    }
    return succeed(targets)
  }
}

function resolve(folder: string, target: string): string {
  const segments: string[] = []
  for (const segment of (target.startsWith('/') ? target : `${folder}${target}`).split('/')) {
    if (segment === '..') {
      segments.pop()
    } else if (segment !== '' && segment !== '.') {
      segments.push(segment)
    }
  }
  return segments.join('/')
}

export const isNode = (part: XmlNode | string): part is XmlNode => typeof part !== 'string'

export function childrenOf(node: XmlNode | undefined, name?: string): XmlNode[] {
  return node?.content.filter((part): part is XmlNode => isNode(part) && (name === undefined || part.name === name)) ?? []
}

/** The first element at a path of names. */
export function childAt(node: XmlNode | undefined, ...path: readonly string[]): XmlNode | undefined {
  let at = node
  for (const name of path) {
    at = childrenOf(at, name)[0]
  }
  return at
}

/** Elements of a name wherever they are below, in the order of the text. */
export function* within(node: XmlNode | undefined, name: string): Generator<XmlNode> {
  for (const child of childrenOf(node)) {
    if (child.name === name) {
      yield child
    } else {
      yield* within(child, name)
    }
  }
}

/** All text below. */
export function textOf(node: XmlNode | string): string {
  return typeof node === 'string' ? node : node.content.map(textOf).join('')
}

/** An attribute that counts columns or rows: 1 where it is absent or no count. */
export function countOf(node: XmlNode | undefined, attribute: string): number {
  return Math.max(1, Number.parseInt(node?.attributes.get(attribute) ?? '', 10) || 1)
}

import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { cleanText } from '../clean-text.ts'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { TextBounds } from './bounds.ts'

/** An element without namespace prefixes; the text is that of its own text nodes, trimmed. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  readonly text: string
}

export type XmlBounds = Pick<TextBounds, 'maxXmlBytes' | 'maxXmlElements' | 'maxXmlDepth'>

const encodings: ReadonlyMap<string, string> = new Map([
  ['utf-8', 'utf-8'], ['utf8', 'utf-8'], ['us-ascii', 'utf-8'], ['utf-16', 'utf-16le'], ['utf-16le', 'utf-16le'], ['utf-16be', 'utf-16be'],
  ['iso-8859-1', 'windows-1252'], ['latin1', 'windows-1252'], ['windows-1252', 'windows-1252'], ['iso-8859-15', 'iso-8859-15'],
  ['iso-8859-2', 'iso-8859-2'], ['windows-1250', 'windows-1250'],
])

/** Decodes by byte order mark or the zeros beside the first `<`, else by the XML declaration, else as UTF-8. Refuses other encodings and malformed bytes. */
export function decodeXml(bytes: Uint8Array, bounds: Pick<XmlBounds, 'maxXmlBytes'>): Outcome<string> {
  if (bytes.byteLength > bounds.maxXmlBytes) {
    return fail('TOO_LARGE', 'content', `XML of ${bytes.byteLength} bytes`, bounds.maxXmlBytes)
  }
  let label = 'utf-8'
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0x3c && bytes[1] === 0)) {
    label = 'utf-16le'
  } else if ((bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes[0] === 0 && bytes[1] === 0x3c)) {
    label = 'utf-16be'
  } else {
    const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(200, bytes.byteLength)).toString('latin1')
    const declared = /^(?:\u00ef\u00bb\u00bf)?<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']/.exec(head)?.[1]
    if (declared !== undefined) {
      const known = encodings.get(declared.toLowerCase())
      if (known === undefined) {
        return fail('XML_REFUSED', 'content', 'XML in an encoding that is not accepted')
      }
      // The declaration was readable as one byte per character, so it cannot be UTF-16 whatever it says.
      label = known.startsWith('utf-16') ? 'utf-8' : known
    }
  }
  try {
    return succeed(new TextDecoder(label, { fatal: true }).decode(bytes))
  } catch {
    return fail('XML_REFUSED', 'content', 'XML with bytes that its encoding does not allow')
  }
}

/**
 * Parses XML without document type, entities of its own or external references; namespace prefixes are dropped.
 * Size, number of elements and depth are checked before the parser sees it.
 */
export function parseXml(xml: string, bounds: XmlBounds): Outcome<XmlElement> {
  const root = parseRoot(xml, bounds, true)
  return root.ok ? succeed(toElement(root.value)!) : root
}

/** An element whose text stands between its elements: prose. Nothing is trimmed. */
export interface XmlNode {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly content: readonly (XmlNode | string)[]
}

/** The same as {@link parseXml}, keeping the order of text and elements. */
export function parseMixedXml(xml: string, bounds: XmlBounds): Outcome<XmlNode> {
  const root = parseRoot(xml, bounds, false)
  return root.ok ? succeed(toNode(root.value)!) : root
}

/** The one root element, as the parser has it. */
function parseRoot(xml: string, bounds: XmlBounds, trimValues: boolean): Outcome<unknown> {
  if (xml.length > bounds.maxXmlBytes) {
    return fail('TOO_LARGE', 'content', `XML of ${xml.length} characters`, bounds.maxXmlBytes)
  }
  const refused = scan(xml, bounds)
  if (refused !== undefined) {
    return refused
  }
  try {
    if (XMLValidator.validate(xml) !== true) {
      return fail('CORRUPT', 'content', 'XML that is not well-formed')
    }
    const tree: unknown = new XMLParser({
      preserveOrder: true,
      ignoreAttributes: false,
      attributeNamePrefix: '',
      removeNSPrefix: true,
      parseTagValue: false,
      parseAttributeValue: false,
      processEntities: false,
      ignoreDeclaration: true,
      ignorePiTags: true,
      trimValues,
    }).parse(xml)
    const roots = Array.isArray(tree) ? tree.filter((node) => namedOf(node) !== undefined) : []
    return roots.length === 1 ? succeed(roots[0]) : fail('CORRUPT', 'content', 'XML without one root element')
  } catch {
    return fail('CORRUPT', 'content', 'XML that cannot be parsed')
  }
}

/** Characters of one tag with its attributes: the parser's time is quadratic in their number. */
const maxTagLength = 32 * 1024

/** One linear pass over the markup: document types, depth and number of elements, length of tags. */
function scan(xml: string, bounds: XmlBounds): Outcome<never> | undefined {
  let depth = 0
  let elements = 0
  for (let at = xml.indexOf('<'); at >= 0; at = xml.indexOf('<', at + 1)) {
    if (xml.startsWith('<!--', at)) {
      const end = xml.indexOf('-->', at + 4)
      at = end < 0 ? xml.length : end
    } else if (xml.startsWith('<![CDATA[', at)) {
      const end = xml.indexOf(']]>', at + 9)
      at = end < 0 ? xml.length : end
    } else if (xml.startsWith('<!', at)) {
      return fail('XML_REFUSED', 'content', 'XML with a document type or entities')
    } else if (xml.startsWith('<?', at)) {
      const end = xml.indexOf('?>', at + 2)
      at = end < 0 ? xml.length : end
    } else {
      const end = xml.indexOf('>', at)
      if (end < 0) {
        return fail('CORRUPT', 'content', 'XML that is not well-formed')
      }
      if (end - at > maxTagLength) {
        return fail('XML_REFUSED', 'content', 'XML with a tag too long', maxTagLength)
      }
      if (xml[at + 1] === '/') {
        depth -= 1
      } else {
        elements += 1
        depth += xml[end - 1] === '/' ? 0 : 1
      }
      if (elements > bounds.maxXmlElements) {
        return fail('XML_REFUSED', 'content', 'XML with too many elements', bounds.maxXmlElements)
      }
      if (depth > bounds.maxXmlDepth) {
        return fail('XML_REFUSED', 'content', 'XML nested too deep', bounds.maxXmlDepth)
      }
    }
  }
  return undefined
}

/** Name and content of an element among the parser's nodes; undefined for text. */
function namedOf(node: unknown): readonly [string, readonly unknown[]] | undefined {
  const named = typeof node === 'object' && node !== null ? Object.entries(node).find(([key]) => key !== ':@' && key !== '#text') : undefined
  return named === undefined ? undefined : [named[0], Array.isArray(named[1]) ? (named[1] as unknown[]) : []]
}

function attributesOf(node: unknown): Map<string, string> {
  const attributes = new Map<string, string>()
  const raw = (node as Record<string, unknown>)[':@']
  if (typeof raw === 'object' && raw !== null) {
    for (const [key, value] of Object.entries(raw)) {
      attributes.set(key, cleanText(decodeReferences(String(value))))
    }
  }
  return attributes
}

const textOf = (part: unknown): string | undefined =>
  typeof part === 'object' && part !== null && '#text' in part ? decodeReferences(String(part['#text'])) : undefined

function toElement(node: unknown): XmlElement | undefined {
  const named = namedOf(node)
  if (named === undefined) {
    return undefined
  }
  const [name, content] = named
  const children: XmlElement[] = []
  let text = ''
  for (const part of content) {
    const own = textOf(part)
    const child = own === undefined ? toElement(part) : undefined
    text += own ?? ''
    if (child !== undefined) {
      children.push(child)
    }
  }
  return { name, attributes: attributesOf(node), children, text: cleanText(text).trim() }
}

function toNode(node: unknown): XmlNode | undefined {
  const named = namedOf(node)
  if (named === undefined) {
    return undefined
  }
  const content: (XmlNode | string)[] = []
  for (const part of named[1]) {
    const child = textOf(part) ?? toNode(part)
    if (child !== undefined) {
      content.push(child)
    }
  }
  return { name: named[0], attributes: attributesOf(node), content }
}

const predefined: ReadonlyMap<string, string> = new Map([['amp', '&'], ['lt', '<'], ['gt', '>'], ['quot', '"'], ['apos', "'"]])

function decodeReferences(text: string): string {
  return text.includes('&')
    ? text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal?: string, hex?: string, name?: string) => {
        if (name !== undefined) {
          return predefined.get(name) ?? whole
        }
        const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex!, 16)
        return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd'
      })
    : text
}

/** The first element at a path of names below this one. */
export function find(element: XmlElement | undefined, ...path: string[]): XmlElement | undefined {
  let at = element
  for (const name of path) {
    at = at?.children.find((child) => child.name === name)
  }
  return at
}

/** All elements at a path of names: every branch of the last step, the first of the steps before. */
export function findAll(element: XmlElement | undefined, ...path: string[]): readonly XmlElement[] {
  const parent = find(element, ...path.slice(0, -1))
  return parent?.children.filter((child) => child.name === path.at(-1)) ?? []
}

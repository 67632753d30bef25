import { readdirSync, readFileSync } from 'node:fs'
import { AvroError } from './errors.ts'

export type SchemaNode = string | SchemaNode[] | { [attribute: string]: unknown }

export interface FieldNode {
  name: string
  type: SchemaNode
  doc?: string
  default?: unknown
}

export interface RecordNode {
  type: 'record'
  name: string
  namespace: string
  doc?: string
  fields: FieldNode[]
}

const FOLDER = new URL('./schemas/', import.meta.url)
const NAMESPACE = 'io.millrace.documents'
const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])

let files: ReadonlyMap<string, RecordNode> | undefined

/** Every record of `schemas/`, by its short name, in alphabetical order. One record per file, named as the file. */
export function schemaFiles(): ReadonlyMap<string, RecordNode> {
  files ??= new Map(
    readdirSync(FOLDER)
      .filter((file) => file.endsWith('.avsc'))
      .sort()
      .map((file) => {
        const node = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as RecordNode
        if (node.type !== 'record' || `${node.name}.avsc` !== file || node.namespace !== NAMESPACE) {
          throw new AvroError('SCHEMA_FILE_INVALID', `avro/schemas/${file} must hold one record of the same name in ${NAMESPACE}.`)
        }
        return [node.name, node] as const
      })
  )
  return files
}

/**
 * The schema of one record as the registry gets it: the text of its file, with every record it names put in at its
 * first mention, so that it stands alone. Attributes are kept as written (avsc's own `schema()` drops what it does not
 * know, `connect.*` for example); the text is the same on every machine, so registering it again changes nothing.
 */
export function composeSchema(name: string): RecordNode {
  const root = schemaFiles().get(name)
  if (root === undefined) {
    throw new AvroError('SCHEMA_FILE_INVALID', `There is no avro/schemas/${name}.avsc.`)
  }
  return inline(root, new Set()) as unknown as RecordNode
}

export function schemaText(name: string): string {
  return JSON.stringify(composeSchema(name))
}

function inline(node: unknown, seen: Set<string>): unknown {
  if (typeof node === 'string') {
    if (PRIMITIVES.has(node)) {
      return node
    }
    const record = schemaFiles().get(node)
    if (record === undefined) {
      throw new AvroError('SCHEMA_FILE_INVALID', `A schema names "${node}", which has no file in avro/schemas.`)
    }
    return seen.has(node) ? node : inline(record, seen)
  }
  if (Array.isArray(node)) {
    return node.map((branch) => inline(branch, seen))
  }
  const complex = { ...(node as { [attribute: string]: unknown }) }
  switch (complex['type']) {
    case 'record':
      // nested records inherit the namespace of the outermost: that is how Avro's own parser prints it
      if (seen.size > 0) {
        delete complex['namespace']
      }
      seen.add(complex['name'] as string)
      return { ...complex, fields: (complex['fields'] as FieldNode[]).map((field) => ({ ...field, type: inline(field.type, seen) })) }
    case 'array':
      return { ...complex, items: inline(complex['items'], seen) }
    case 'map':
      return { ...complex, values: inline(complex['values'], seen) }
    default:
      return { ...complex, type: inline(complex['type'], seen) }
  }
}

import avsc from 'avsc'
import { SerdeNotReady, type Serde } from 'millrace'
import { AvroError } from './errors.ts'
import { createGuard, type Guard } from './guard.ts'
import type { Registry } from './registry.ts'
import { composeSchema, schemaText } from './schema-files.ts'
import type { SchemaName, SchemaTypes } from './types.ts'
import { VocabularyType } from './vocabulary.ts'

const MAGIC = 0
const HEADER_BYTES = 5
const LOGICAL_TYPES = { vocabulary: VocabularyType }

interface Reader {
  guard: Guard
  resolver: avsc.Resolver | undefined
}

/**
 * A serde of one subject: Confluent framing (0x00, schema id as a big-endian int, body), written with our schema and
 * read with the writer's schema resolved to ours. `open()` registers our schema and must have ended before anything is
 * serialized. `deserialize` throws `SerdeNotReady` for a schema id it has not met, and AvroError for bytes that are
 * not such a record; errors name subjects, ids and fields, never values.
 *
 * @param registry shared by all serdes of a process: schemas are fetched once
 * @param subject `<topic>-key` or `<topic>-value`
 * @param name a schema of `avro/schemas`
 */
export function avroSerde<N extends SchemaName>(registry: Registry, subject: string, name: N): AvroSerde<SchemaTypes[N]> {
  return new AvroSerde(registry, subject, name)
}

export class AvroSerde<T> implements Serde<T> {
  readonly subject: string
  readonly #registry: Registry
  readonly #schemaName: string
  readonly #type: avsc.Type
  readonly #readers = new Map<number, Reader | AvroError>()
  #id: number | undefined
  /** The next value is probably as long as the ones before: one allocation for most. */
  #guess = 512

  constructor(registry: Registry, subject: string, name: SchemaName) {
    this.#registry = registry
    this.subject = subject
    this.#schemaName = name
    this.#type = parse(composeSchema(name) as avsc.Schema)
  }

  /** The id our schema has in the registry. @throws AvroError NOT_OPEN */
  get schemaId(): number {
    if (this.#id === undefined) {
      throw new AvroError('NOT_OPEN', `The serde of "${this.subject}" serializes only after open().`)
    }
    return this.#id
  }

  async open(): Promise<void> {
    this.#id ??= await this.#registry.register(this.subject, schemaText(this.#schemaName))
  }

  serialize(_topic: string, value: T): Uint8Array {
    const id = this.schemaId
    try {
      let buffer = Buffer.allocUnsafe(HEADER_BYTES + this.#guess)
      let end = this.#type.encode(value, buffer, HEADER_BYTES)
      if (end < 0) {
        // avsc says how many bytes were missing
        buffer = Buffer.allocUnsafe(buffer.length - end)
        end = this.#type.encode(value, buffer, HEADER_BYTES)
      }
      this.#guess = Math.min(Math.max(this.#guess, end), 65_536)
      buffer[0] = MAGIC
      buffer.writeInt32BE(id, 1)
      return buffer.subarray(0, end)
    } catch {
      // avsc's own error prints the value
      const faults = this.#faults(value)
      const text = faults.map(({ path, expected }) => `${path || 'value'} is no ${expected}`).join(', ')
      throw new AvroError('VALUE_INVALID', `Not a ${this.#schemaName}: ${text || 'it could not be encoded'}.`, { field: faults[0]?.path || undefined })
    }
  }

  deserialize(_topic: string, bytes: Uint8Array): T {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (buffer.length < HEADER_BYTES || buffer[0] !== MAGIC) {
      throw new AvroError('NOT_FRAMED', `A record for "${this.subject}" does not begin with a magic 0 and a schema id.`)
    }
    const { guard, resolver } = this.#reader(buffer.readInt32BE(1))
    const body = buffer.subarray(HEADER_BYTES)
    guard(body)
    try {
      return this.#type.fromBuffer(body, resolver) as T
    } catch {
      throw new AvroError('BYTES_INVALID', `A record for "${this.subject}" holds a value its schema does not allow.`)
    }
  }

  #reader(id: number): Reader {
    let reader = this.#readers.get(id)
    if (reader === undefined) {
      const schema = this.#registry.peek(id)
      if (schema === undefined) {
        throw new SerdeNotReady(this.#registry.fetch(id))
      }
      reader = this.#resolve(id, schema)
      this.#readers.set(id, reader)
    }
    if (reader instanceof AvroError) {
      throw reader
    }
    return reader
  }

  #resolve(id: number, schema: string): Reader | AvroError {
    try {
      if (id === this.#id || schema === schemaText(this.#schemaName)) {
        return { guard: createGuard(this.#type), resolver: undefined }
      }
      // the writer's vocabularies do not matter: ours decides what may be read
      const writer = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, { omitRecordMethods: true })
      return { guard: createGuard(writer), resolver: this.#type.createResolver(writer) }
    } catch (cause) {
      return new AvroError('SCHEMA_INCOMPATIBLE', `Schema ${id} cannot be read as ${this.#schemaName} ("${this.subject}").`, { cause })
    }
  }

  #faults(value: unknown): { readonly path: string; readonly expected: string }[] {
    const faults: { path: string; expected: string }[] = []
    this.#type.isValid(value, { errorHook: (path, _value, type) => void faults.push({ path: path.join('.'), expected: type.typeName }) })
    return faults.slice(0, 5)
  }
}

function parse(schema: avsc.Schema): avsc.Type {
  return avsc.Type.forSchema(schema, { logicalTypes: LOGICAL_TYPES, omitRecordMethods: true })
}

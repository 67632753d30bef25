import avsc from 'avsc'
import { AvroError } from './errors.ts'

/**
 * Walks a record's bytes by its writer's schema before they are decoded. A decoder believes what it reads: a count of
 * two billion array items in a record of 40 bytes makes it allocate first and fail later. The walk allocates nothing:
 * every length must lie inside the record, all counts together may not exceed its bytes, and the bytes must end where
 * the value ends. Afterwards decoding costs no more than a small factor of the record's size.
 */
export type Guard = (bytes: Buffer) => void

/** Nesting of a recursive schema; ours are not, a foreign writer's may be. Prevents a stack overflow. */
const MAXIMUM_DEPTH = 64

type Skip = (walk: Walk) => void

export function createGuard(writer: avsc.Type): Guard {
  const skip = compile(writer, new Map())
  return (bytes) => {
    const walk = new Walk(bytes)
    skip(walk)
    if (walk.position !== bytes.length) {
      walk.refuse('bytes are left over')
    }
  }
}

class Walk {
  readonly bytes: Buffer
  position = 0
  depth = 0
  #items = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  refuse(why: string): never {
    throw new AvroError('BYTES_INVALID', `Not a value of its schema: ${why} at byte ${this.position} of ${this.bytes.length}.`)
  }

  /** Steps over `count` bytes. */
  step(count: number): void {
    if (count < 0 || count > this.bytes.length - this.position) {
      this.refuse('a length reaches beyond the record')
    }
    this.position += count
  }

  /** A zigzag varint. Only its value as far as a number is exact: everything beyond 2^53 - 1 is refused. */
  long(): number {
    let low = 0
    let high = 0
    for (let index = 0; index < 10; index++) {
      if (this.position >= this.bytes.length) {
        this.refuse('a number reaches beyond the record')
      }
      const byte = this.bytes[this.position++]!
      if (index < 4) {
        low |= (byte & 0x7f) << (7 * index)
      } else {
        high += (byte & 0x7f) * 2 ** (7 * (index - 4))
      }
      if (byte < 0x80) {
        const zigzag = high * 2 ** 28 + low
        // the largest safe zigzag value is 2^54 - 1: sums beyond it are rounded, but never to below it
        if (zigzag >= 2 ** 54 - 1) {
          this.refuse('a number is beyond 2^53')
        }
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
      }
    }
    return this.refuse('a number has more than ten bytes')
  }

  /** Counts items of arrays and maps, all together: items may take no bytes at all. */
  count(items: number): void {
    this.#items += items
    if (items < 0 || this.#items > this.bytes.length) {
      this.refuse('a count is beyond the bytes of the record')
    }
  }
}

function compile(type: avsc.Type, known: Map<avsc.Type, { skip: Skip }>): Skip {
  if (type instanceof avsc.types.LogicalType) {
    return compile(type.underlyingType, known)
  }
  const seen = known.get(type)
  if (seen !== undefined) {
    return (walk) => seen.skip(walk)
  }
  const entry: { skip: Skip } = { skip: () => {} }
  known.set(type, entry)
  entry.skip = skipper(type, known)
  return entry.skip
}

function skipper(type: avsc.Type, known: Map<avsc.Type, { skip: Skip }>): Skip {
  switch (type.typeName) {
    case 'null':
      return () => {}
    case 'boolean':
      return skipBoolean
    case 'int':
      return skipInt
    case 'long':
      return (walk) => void walk.long()
    case 'float':
      return (walk) => walk.step(4)
    case 'double':
      return (walk) => walk.step(8)
    case 'bytes':
    case 'string':
      return (walk) => walk.step(walk.long())
    case 'fixed': {
      const { size } = type as avsc.types.FixedType
      return (walk) => walk.step(size)
    }
    case 'enum':
      return choice((type as avsc.types.EnumType).symbols.map(() => () => {}), 'an enum symbol')
    case 'union:wrapped':
    case 'union:unwrapped': {
      const branches = [...(type as avsc.types.UnwrappedUnionType).types]
      return choice(branches.map((branch) => compile(branch, known)), 'a union branch')
    }
    case 'array':
      return blocks(compile((type as avsc.types.ArrayType).itemsType, known))
    case 'map': {
      const value = compile((type as avsc.types.MapType).valuesType, known)
      return blocks((walk) => {
        walk.step(walk.long())
        value(walk)
      })
    }
    case 'record':
    case 'error': {
      const fields = (type as avsc.types.RecordType).fields.map((field) => compile(field.type, known))
      return (walk) => {
        if (++walk.depth > MAXIMUM_DEPTH) {
          walk.refuse(`records are nested more than ${MAXIMUM_DEPTH} deep`)
        }
        for (const field of fields) {
          field(walk)
        }
        walk.depth--
      }
    }
    default:
      throw new AvroError('SCHEMA_INCOMPATIBLE', `A writer's schema holds the type "${type.typeName}", which is not supported.`)
  }
}

function skipBoolean(walk: Walk): void {
  const byte = walk.bytes[walk.position]
  walk.step(1)
  if (byte !== 0 && byte !== 1) {
    walk.refuse('a boolean is neither 0 nor 1')
  }
}

function skipInt(walk: Walk): void {
  const value = walk.long()
  if (value < -(2 ** 31) || value > 2 ** 31 - 1) {
    walk.refuse('an int has more than 32 bits')
  }
}

function choice(branches: readonly Skip[], what: string): Skip {
  return (walk) => {
    const branch = branches[walk.long()] ?? walk.refuse(`${what} does not exist`)
    branch(walk)
  }
}

/** Arrays and maps come in blocks: a count, negative when the block's size in bytes follows, until a count of 0. */
function blocks(item: Skip): Skip {
  return (walk) => {
    for (let count = walk.long(); count !== 0; count = walk.long()) {
      const sized = count < 0
      const items = Math.abs(count)
      walk.count(items)
      const end = sized ? walk.long() + walk.position : -1
      for (let index = 0; index < items; index++) {
        item(walk)
      }
      if (sized && walk.position !== end) {
        walk.refuse("a block's size is not its items'")
      }
    }
  }
}

import type { Bytes, ChangelogPosition, Database, Row, StoreSpec } from './contract.ts'
import { StateStoreError } from './errors.ts'
import { copyInto, prefixEnd } from './bytes.ts'

/**
 * How a task's database is laid out: every key begins with four bytes, big-endian. 0 is the database's own book, kept as
 * JSON under readable names; each store has the number it was given when its name was first seen (rule A11).
 *
 *   00000000 format                  {"version":1}
 *   00000000 next-prefix             7
 *   00000000 store/<name>            {"prefix":3}           {"prefix":3,"layout":"window/60000","rebuilding":6}
 *   00000000 garbage/<prefix>        true                   rows still to be deleted
 *   00000000 position/<changelog>    {"offset":…}           in the same batch as the rows it made (rule A3)
 *   00000000 rebuilt/<prefix>/<changelog>                   position of a rebuild that is not swapped in yet
 *   00000003 <key>                   <value>
 */
export const PREFIX_LENGTH = 4
export const FORMAT_VERSION = 1

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function prefixOf(number: number): Bytes {
  const prefix = Buffer.alloc(PREFIX_LENGTH)
  prefix.writeUInt32BE(number)
  return prefix
}

/** The rows of one prefix as a range. */
export function rowsOf(number: number): { readonly from: Bytes; readonly to: Bytes | undefined } {
  const from = prefixOf(number)
  return { from, to: prefixEnd(from) }
}

/** Rows of a store, with keys of their own behind its prefix. */
export function prefixedRows(rows: readonly Row[], number: number): Row[] {
  const prefix = prefixOf(number)
  const all: Row[] = new Array(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const { key, value } = rows[i]!
    const prefixed = Buffer.allocUnsafe(PREFIX_LENGTH + key.length)
    copyInto(prefixed, prefix, 0)
    copyInto(prefixed, key, PREFIX_LENGTH)
    all[i] = { key: prefixed, value }
  }
  return all
}

export function bookRow(name: string, content: unknown): Row {
  return { key: bookKey(name), value: content === undefined ? null : encoder.encode(JSON.stringify(content)) }
}

function bookKey(name: string): Bytes {
  const text = encoder.encode(name)
  const key = new Uint8Array(PREFIX_LENGTH + text.length)
  key.set(text, PREFIX_LENGTH)
  return key
}

export interface StoreRecord {
  readonly prefix: number
  /** How its rows are laid out (`StoreSpec.layout`). */
  readonly layout?: string
  /** The prefix under which the store is being built anew. */
  readonly rebuilding?: number
}

/** The book as read when the database is opened. */
export interface Book {
  nextPrefix: number
  readonly stores: Map<string, StoreRecord>
  readonly positions: Map<string, ChangelogPosition>
  readonly garbage: Set<number>
  /** Records of rebuilds that were interrupted. */
  readonly leftovers: string[]
}

/** Reads the book; an empty database gives an empty one. `STATE_CORRUPTED` if it is not ours or of a later version. */
export function readBook(database: Database, location: string): Book {
  const book: Book = { nextPrefix: 1, stores: new Map(), positions: new Map(), garbage: new Set(), leftovers: [] }
  let version: number | undefined
  for (const [key, value] of database.range(rowsOf(0))) {
    const name = decoder.decode(key.subarray(PREFIX_LENGTH))
    const content = parse(value, name, location)
    const slash = name.indexOf('/')
    const rest = name.slice(slash + 1)
    switch (slash < 0 ? name : name.slice(0, slash)) {
      case 'format':
        version = (content as { version?: number }).version
        break
      case 'next-prefix':
        book.nextPrefix = content as number
        break
      case 'store':
        book.stores.set(rest, content as StoreRecord)
        break
      case 'garbage':
        book.garbage.add(Number(rest))
        break
      case 'position':
        book.positions.set(rest, content as ChangelogPosition)
        break
      default:
        // `rebuilt`: a rebuild that was interrupted starts again.
        book.leftovers.push(name)
        break
    }
  }
  if (version === undefined && database.range({}).next().done !== true) {
    throw new StateStoreError(
      'STATE_CORRUPTED',
      `${location} holds data but no format record: it is not a task's database. Choose another state directory, or delete this one`,
    )
  }
  if (version !== undefined && version !== FORMAT_VERSION) {
    throw new StateStoreError(
      'STATE_CORRUPTED',
      `${location} has state format ${version}, this version reads ${FORMAT_VERSION}. Use the version that wrote it, or delete the folder: the state is restored from its changelogs`,
    )
  }
  return book
}

/**
 * Gives new names a prefix, and throws away rebuilds that were interrupted. Rows in a layout that is no longer asked for
 * become garbage together with the positions of their changelog: the store is restored from its beginning. In a database
 * that began as a copy (`copied`) those of stores without a changelog do, too: nothing would bring them up to the others.
 */
export async function recordStores(database: Database, book: Book, specs: readonly StoreSpec[], copied = false): Promise<void> {
  const rows: Row[] = [bookRow('format', { version: FORMAT_VERSION })]
  const discard = (prefix: number) => {
    rows.push(bookRow(`garbage/${prefix}`, true))
    book.garbage.add(prefix)
  }
  for (const [name, record] of book.stores) {
    if (record.rebuilding !== undefined) {
      const { rebuilding, ...settled } = record
      rows.push(bookRow(`store/${name}`, settled))
      discard(rebuilding)
      book.stores.set(name, settled)
    }
  }
  for (const { name, layout, changelog, logged } of specs) {
    const old = book.stores.get(name)
    if (old !== undefined && old.layout === layout && (logged || !copied)) {
      continue
    }
    const record = { prefix: book.nextPrefix++, layout }
    book.stores.set(name, record)
    rows.push(bookRow(`store/${name}`, record))
    if (old !== undefined) {
      discard(old.prefix)
      for (const position of [...book.positions.keys()].filter((key) => isPositionOf(key, changelog))) {
        rows.push(bookRow(`position/${position}`, undefined))
        book.positions.delete(position)
      }
    }
  }
  for (const name of book.leftovers) {
    rows.push(bookRow(name, undefined))
  }
  rows.push(bookRow('next-prefix', book.nextPrefix))
  await database.write(rows)
}

function isPositionOf(position: string, changelog: string | undefined): boolean {
  return changelog !== undefined && position.startsWith(`${changelog}-`) && /^\d+$/.test(position.slice(changelog.length + 1))
}

function parse(value: Bytes, name: string, location: string): unknown {
  try {
    return JSON.parse(decoder.decode(value))
  } catch (error) {
    throw new StateStoreError(
      'STATE_CORRUPTED',
      `${location}: the record '${name}' cannot be read. Delete the folder: the state is restored from its changelogs`,
      { cause: error },
    )
  }
}

/**
 * The position that holds after `change`, or undefined when there is nothing to record yet: an acknowledgement without an
 * offset leaves the offset where it was (rule C11).
 */
export function mergePosition(
  old: ChangelogPosition | undefined,
  change: Partial<ChangelogPosition>,
  changelog: string,
): ChangelogPosition | undefined {
  const offset = change.offset ?? old?.offset
  if (offset === undefined) {
    return undefined
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new StateStoreError('OPTIONS_INVALID', `the position of ${changelog} has the offset ${offset}; offsets are integers from 0`)
  }
  const topicId = change.topicId ?? old?.topicId ?? ''
  if (change.offset === undefined && old !== undefined && old.topicId !== '' && old.topicId !== topicId) {
    throw new StateStoreError(
      'OPTIONS_INVALID',
      `the position of ${changelog} names another topic id without an offset; an offset of the old topic means nothing in the new one`,
    )
  }
  return {
    offset,
    topicId,
    leaderEpoch: change.leaderEpoch ?? old?.leaderEpoch ?? -1,
    appliedAt: change.appliedAt ?? Date.now(),
  }
}

/** Everything that turns bytes of a broker, or of another member behind it, into values. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as pk from '@platformatic/kafka'
import * as format from '../../../kafka/batch-format.ts'
import { scanBatches } from '../../../kafka/batch-scan.ts'
import { uncompressedLimit } from '../../../kafka/compression.ts'
import type { Api } from '../../../kafka/protocol/api.ts'
import { ByteReader } from '../../../kafka/protocol/byte-reader.ts'
import * as fetch from '../../../kafka/protocol/fetch.ts'
import * as groupAdmin from '../../../kafka/protocol/group-admin.ts'
import * as groups from '../../../kafka/protocol/groups.ts'
import * as metadata from '../../../kafka/protocol/metadata.ts'
import * as offsets from '../../../kafka/protocol/offsets.ts'
import * as produce from '../../../kafka/protocol/produce.ts'
import * as sasl from '../../../kafka/protocol/sasl.ts'
import * as topics from '../../../kafka/protocol/topics.ts'
import * as transactions from '../../../kafka/protocol/transactions.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../../../membership/protocol.ts'
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../../../runtime/offset-metadata.ts'
import { batchOf, cursorOver, data, emptiedMarker, marker, type TestRecord, textRecord, withCrc } from '../batches.ts'
import { DreamingReader } from './dreaming-reader.ts'
import { Random } from './random.ts'

export interface Target {
  readonly name: string
  /** Valid input, to be damaged. */
  readonly corpus: readonly Buffer[]
  /** Bytes at the front that are left as they are. */
  readonly spared: number
  /** The one error that damage may cause. */
  readonly error: 'BATCH_CORRUPTED' | 'RESPONSE_INVALID' | 'OFFSETS_MISSING'
  /** Makes what checks come first pass, so that what is behind them is reached. */
  repair?(bytes: Buffer, random: Random): Buffer
  /** Reads the bytes; returns a sum over what was read. Throws WrongRead when it was more than there is. */
  read(bytes: Buffer): number
}

/** The decoder gave back what cannot have been in its input. */
export class WrongRead extends Error {}

/** More than one kilobyte of these would be slow and find nothing more. */
const CORPUS_SEED = 20_261_121
const DREAMS = 24
const NO_RECORD_BYTES = 7

function sumOf(bytes: Uint8Array | null): number {
  let sum = bytes === null ? 7 : bytes.length
  for (let at = 0; bytes !== null && at < bytes.length; at++) {
    sum = (sum * 31 + bytes[at]!) | 0
  }
  return sum
}

function readBatches(bytes: Buffer): number {
  const scan = scanBatches(bytes)
  if (scan.bytes > bytes.length) {
    throw new WrongRead(`${scan.bytes} bytes of whole batches in ${bytes.length}`)
  }
  const cursor = cursorOver(bytes, [{ producerId: 3, firstOffset: 4 }])
  let sum = scan.bytes
  let records = 0
  let last: Buffer | undefined
  while (cursor.next()) {
    if (cursor.buffer !== last) {
      last = cursor.buffer
      records = 0
      if (cursor.buffer.length > Math.max(bytes.length, uncompressedLimit(bytes.length))) {
        throw new WrongRead(`${bytes.length} bytes unfolded to ${cursor.buffer.length}`)
      }
    }
    if (++records * NO_RECORD_BYTES > cursor.buffer.length) {
      throw new WrongRead('more records than their bytes')
    }
    if (cursor.keyEnd > cursor.buffer.length || cursor.valueEnd > cursor.buffer.length) {
      throw new WrongRead('a key or value ends behind its batch')
    }
    sum = (sum + sumOf(cursor.key()) + sumOf(cursor.value()) + cursor.offset + cursor.timestamp) | 0
    for (const { key, value } of cursor.headers()) {
      sum = (sum + key.length + sumOf(value)) | 0
    }
  }
  return sum
}

/** Length and CRC of the first batch fitted to what came out of it; the CRC always, the length mostly. */
function repairBatch(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < format.RECORDS) {
    return bytes
  }
  if (random.below(8) !== 0) {
    bytes[format.MAGIC] = format.MAGIC_V2
  }
  if (random.below(4) !== 0) {
    bytes.writeInt32BE(bytes.length - format.LENGTH_OVERHEAD, format.BATCH_LENGTH)
  }
  const end = bytes.readInt32BE(format.BATCH_LENGTH) + format.LENGTH_OVERHEAD
  if (end > format.RECORDS && end <= bytes.length && random.below(16) !== 0) {
    withCrc(bytes.subarray(0, end))
  }
  return bytes
}

const RECORDS: readonly TestRecord[] = Array.from({ length: 8 }, (_, i) => ({
  timestamp: 1_700_000_000_000 + i * 100,
  key: i % 3 === 0 ? null : Buffer.from(`key-${i}`),
  value: i % 4 === 1 ? null : Buffer.from('some value '.repeat(i)),
  headers: i % 2 === 0 ? [] : [{ key: 'trace', value: Buffer.from('0af7651916cd43dd') }, { key: 'none', value: null }],
}))

function batches(): Target {
  const corpus = [
    batchOf(RECORDS, { baseOffset: 0 }),
    batchOf(RECORDS.slice(0, 2), { baseOffset: 2 ** 40, producerId: 3, transactional: true, leaderEpoch: 7 }),
    batchOf([textRecord('')], { baseOffset: 5 }),
    Buffer.concat([data(3, 0, 'a', 'b'), marker(3, 2, 'commit'), data(3, 3, 'c'), marker(3, 5, 'abort'), emptiedMarker(3, 6), data(4, 7, 'd')]),
    Buffer.concat([batchOf(RECORDS, { baseOffset: 0 }), batchOf(RECORDS, { baseOffset: 8 })]),
  ]
  return { name: 'record batches', corpus, spared: 0, error: 'BATCH_CORRUPTED', repair: repairBatch, read: readBatches }
}

function compressedBatches(name: string, type: number, compress: (records: Buffer) => Buffer): Target {
  const corpus = [RECORDS, RECORDS.slice(2, 3), Array.from({ length: 60 }, (_, i) => textRecord(`row ${i % 5}`))].map((records) => {
    const plain = batchOf(records, { baseOffset: 3 })
    const packed = Buffer.concat([plain.subarray(0, format.RECORDS), compress(plain.subarray(format.RECORDS))])
    packed.writeInt32BE(packed.length - format.LENGTH_OVERHEAD, format.BATCH_LENGTH)
    packed.writeInt16BE(type, format.ATTRIBUTES)
    return withCrc(packed)
  })
  return { name: `batches with ${name}`, corpus, spared: format.RECORDS, error: 'BATCH_CORRUPTED', repair: repairBatch, read: readBatches }
}

/** A hash over any value, so that two readings of the same bytes can be compared. */
function sumOfAny(value: unknown): number {
  if (value instanceof Uint8Array) {
    return sumOf(value)
  }
  if (value instanceof Map) {
    return sumOfAny([...value])
  }
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).reduce<number>((sum, field) => (sum * 31 + sumOfAny(field)) | 0, 17)
  }
  return typeof value === 'string' ? value.length : Number(value ?? 0) | 0
}

function answers(api: Api<never, unknown>): Target {
  const corpus = Array.from({ length: DREAMS }, (_, number) => {
    const dream = new DreamingReader(new Random(CORPUS_SEED, number))
    api.decode(dream)
    return dream.bytes()
  })
  return {
    name: `${api.name} v${api.version}`,
    corpus,
    spared: 0,
    error: 'RESPONSE_INVALID',
    read(bytes) {
      const reader = new ByteReader(bytes)
      const sum = sumOfAny(api.decode(reader))
      if (reader.position > bytes.length) {
        throw new WrongRead(`${reader.position} bytes read of ${bytes.length}`)
      }
      return sum
    },
  }
}

function isApi(value: unknown): value is Api<never, unknown> {
  return typeof value === 'object' && value !== null && 'decode' in value && 'encode' in value
}

/** Every API there is: a new one in these files is fuzzed without a word here. */
const apis = [fetch, groupAdmin, groups, metadata, offsets, produce, sasl, topics, transactions].flatMap((module) => Object.values<unknown>(module).filter(isApi))

const subtopology = { name: 'orders', fingerprint: 'abc', inputs: [{ topic: 'in', partitions: 3 }], changelogs: ['c'], tasks: 3, weight: 1 }
const task = { subtopology: 'orders', fingerprint: 'abc', partition: 1 }

function members(): Target[] {
  const subscription = Buffer.from(
    encodeSubscription(
      {
        processId: 'p',
        thread: 0,
        subtopologies: [subtopology],
        owned: [{ ...task, generation: 3 }],
        released: [task],
        copies: [{ subtopology: 'orders', partition: 2, lag: 100, open: true }],
      },
      ['in']
    )
  )
  const assignment = Buffer.from(encodeAssignment({ tasks: [task] }, new Map([['orders@abc', subtopology]])))
  return [
    { name: 'subscription', corpus: [subscription], spared: 0, error: 'RESPONSE_INVALID', read: (bytes) => sumOfAny(decodeSubscription(bytes)) },
    { name: 'assignment', corpus: [assignment], spared: 0, error: 'RESPONSE_INVALID', read: (bytes) => sumOfAny(decodeAssignment(bytes)) },
  ]
}

function offsetMetadata(): Target {
  const corpus = [encodeOffsetMetadata(17), encodeOffsetMetadata(1_700_000_000_000, new Map([['t', 'transactional-id']]))].map((text) => Buffer.from(text, 'base64'))
  return { name: 'offset metadata', corpus, spared: 0, error: 'OFFSETS_MISSING', read: (bytes) => sumOfAny(decodeOffsetMetadata(bytes.toString('base64'))) }
}

const wire = { snappy: pk.compressionsAlgorithms.snappy, lz4: pk.compressionsAlgorithms.lz4 }

/** Weights: how often one of the group is chosen. */
export const TARGETS: readonly { readonly weight: number; readonly targets: readonly Target[] }[] = [
  { weight: 8, targets: [batches()] },
  {
    weight: 3,
    targets: [
      compressedBatches('snappy', 2, (records) => wire.snappy.compressSync(records) as Buffer),
      compressedBatches('lz4', 3, (records) => wire.lz4.compressSync(records) as Buffer),
    ],
  },
  // Their decoders are Node's own, and slow to begin.
  { weight: 1, targets: [compressedBatches('gzip', 1, (records) => gzipSync(records)), compressedBatches('zstd', 4, (records) => zstdCompressSync(records))] },
  { weight: 8, targets: apis.map(answers) },
  { weight: 2, targets: [...members(), offsetMetadata()] },
]

/**
 * Which dead letters of a partition were replayed: all before the committed offset, and the ranges behind it that the
 * offset's metadata holds, because a filter may take letters from the middle. Committed in the transaction that replays.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { StreamsError } from '../errors.ts'

/** The broker's default of `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4096
const MARK = 'replayed1:'

export class ReplayProgress {
  /** First offset not known to be replayed. */
  #position: number
  /** Sorted, disjoint [from, to) behind `position`. */
  readonly #ranges: [number, number][]

  constructor(position: number, metadata = '') {
    this.#position = position
    this.#ranges = decode(position, metadata)
    this.#settle()
  }

  get position(): number {
    return this.#position
  }

  has(offset: number): boolean {
    return offset < this.#position || this.#ranges.some(([from, to]) => offset >= from && offset < to)
  }

  add(offset: number): void {
    this.cover(offset, offset + 1)
  }

  /** Everything in [from, to) is replayed, or holds no letter: markers, aborted records, what was deleted. */
  cover(from: number, to: number): void {
    let [first, last] = [Math.max(from, this.#position), to]
    if (first >= last) {
      return
    }
    const at = this.#ranges.findIndex(([, end]) => end >= first)
    const begin = at < 0 ? this.#ranges.length : at
    let end = begin
    for (let range = this.#ranges[end]; range !== undefined && range[0] <= last; range = this.#ranges[++end]) {
      first = Math.min(first, range[0])
      last = Math.max(last, range[1])
    }
    this.#ranges.splice(begin, end - begin, [first, last])
    this.#settle()
  }

  /** Metadata of the offset `position`. `REPLAY_REFUSED` if the ranges have become too many to be kept. */
  encode(): string {
    if (this.#ranges.length === 0) {
      return ''
    }
    let last = this.#position
    const deltas = this.#ranges.flatMap(([from, to]) => {
      const pair = [from - last, to - from]
      last = to
      return pair
    })
    const metadata = `${MARK}${deflateRawSync(JSON.stringify(deltas)).toString('base64')}`
    if (metadata.length > MAX_METADATA_BYTES) {
      throw new StreamsError('REPLAY_REFUSED', `Replayed letters would lie in ${this.#ranges.length} separate ranges, more than a committed offset can note: replay the oldest ones first, or with a wider filter.`)
    }
    return metadata
  }

  #settle(): void {
    while (this.#ranges[0]?.[0] === this.#position) {
      this.#position = this.#ranges.shift()![1]
    }
  }
}

function decode(position: number, metadata: string): [number, number][] {
  if (!metadata.startsWith(MARK)) {
    return []
  }
  try {
    const deltas = JSON.parse(inflateRawSync(Buffer.from(metadata.slice(MARK.length), 'base64'), { maxOutputLength: 1 << 20 }).toString()) as number[]
    let last = position
    const ranges: [number, number][] = []
    for (let i = 0; i + 1 < deltas.length; i += 2) {
      const from = last + deltas[i]!
      last = from + deltas[i + 1]!
      ranges.push([from, last])
    }
    return ranges
  } catch (cause) {
    throw new StreamsError('REPLAY_REFUSED', 'What was replayed cannot be read from the committed offset: another client has written to the group.', { cause })
  }
}

/** One byte per pixel, row by row, 0 black. */
export interface Grey {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** A portable greymap (P5) of one byte per pixel: no compression to pay for between the processes. */
export function toGreymapBytes({ data, width, height }: Grey): Uint8Array {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`, 'latin1'), data])
}

/** The inverse of `toGreymapBytes`; the pixels are a view of the same bytes. @throws RangeError what it did not write */
export function parseGreymap(bytes: Uint8Array): Grey {
  const header = /^P5\n(\d{1,6}) (\d{1,6})\n255\n/.exec(Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(32, bytes.byteLength)).toString('latin1'))
  const width = Number(header?.[1])
  const height = Number(header?.[2])
  if (header === null || bytes.byteLength !== header[0].length + width * height) {
    throw new RangeError('not a greymap of this reader')
  }
  return { data: bytes.subarray(header[0].length), width, height }
}

/** One byte per pixel, row by row, 0 black. */
export interface Grey {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** A portable greymap (P5) of one byte per pixel: what an engine reads without decoding. */
export function toGreymap({ data, width, height }: Grey): Buffer {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`, 'latin1'), data])
}

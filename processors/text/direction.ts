import type { Box } from '../types.ts'
import type { Grey } from './greymap.ts'
import type { Turn } from './messages.ts'

/** The longer side of the picture that directions are looked for in, pixels. */
export const sizeForDirection = 1200
/** Side of the tiles, pixels: some lines of print each. */
const tile = 120
/** A step of brightness that is the edge of ink. */
const edge = 24
/** A tile with fewer edges has nothing on it. */
const minEdges = 60
/** Fewer tiles say nothing. */
const minTiles = 4
/** The median tile has to be so far from undecided: 1.22 times as clear along one side as along the other. */
const minVote = 0.2
/** Half of all tiles of receipts are clearer than this; what is much clearer is a rule. */
const clear = 0.7
/** Lines may fall or rise by 8°. */
const slants = Array.from({ length: 17 }, (_, n) => Math.tan(((n - 8) * Math.PI) / 180))

/** Another way to look at a page, and the part of it to try that on. */
export interface Rival {
  readonly turn: Exclude<Turn, 0>
  /** Whole pixels of the page as it is. */
  readonly box: Box
}

interface Tiles {
  readonly columns: number
  readonly rows: number
  /** Above 0: lines run across; 0 where nothing is printed. */
  readonly votes: Float64Array
  /** Edges of ink in each. */
  readonly edges: Float64Array
}

/**
 * The directions that a page may have if it has not the one it is in: upside down where its lines run across, on either side where they run
 * down, all three where that cannot be told, none where nothing is printed. Lines are what makes the edges of letters fall together in a
 * projection; a tile decides for itself, so that the edge of the paper or a frame sways only those it crosses, and the median decides: of
 * 200 receipts, as they are and on their side, 195 rightly and none wrongly.
 * @param page at most `sizeForDirection` a side
 */
export function rivalsOf(page: Grey): readonly Rival[] {
  const tiles = tilesOf(page)
  const printed = [...tiles.votes].filter((_, n) => tiles.edges[n]! > 0).sort((a, b) => a - b)
  if (printed.length === 0) {
    return []
  }
  const median = printed.length < minTiles ? 0 : printed[printed.length >> 1]!
  const across: readonly Rival[] = [{ turn: 180, box: bandOf(page, tiles, true) }]
  const down = bandOf(page, tiles, false)
  const sides: readonly Rival[] = [{ turn: 90, box: down }, { turn: 270, box: down }]
  return median > minVote ? across : median < -minVote ? sides : [...across, ...sides]
}

/** The row (or column) of tiles with the most print in clear lines. */
function bandOf({ width, height }: Grey, { columns, rows, votes, edges }: Tiles, across: boolean): Box {
  const print = new Float64Array(across ? rows : columns)
  for (const [n, vote] of votes.entries()) {
    print[across ? Math.floor(n / columns) : n % columns]! += edges[n]! * Math.max(0, Math.min(clear, across ? vote : -vote))
  }
  const at = print.indexOf(Math.max(...print)) * tile
  return across ? { x: 0, y: at, width, height: Math.min(tile, height - at) } : { x: at, y: 0, width: Math.min(tile, width - at), height }
}

function tilesOf(page: Grey): Tiles {
  // What is left over at the right and at the bottom is not looked at; a page smaller than a tile is one.
  const columns = Math.max(1, Math.floor(page.width / tile))
  const rows = Math.max(1, Math.floor(page.height / tile))
  const votes = new Float64Array(columns * rows)
  const edges = new Float64Array(columns * rows)
  for (let n = 0; n < votes.length; n += 1) {
    const left = (n % columns) * tile
    const top = Math.floor(n / columns) * tile
    const along = contrast(page, left, top, true)
    const crosswise = contrast(page, left, top, false)
    if (along !== undefined && crosswise !== undefined) {
      votes[n] = Math.log(along.contrast / crosswise.contrast)
      edges[n] = along.edges + crosswise.edges
    }
  }
  return { columns, rows, votes, edges }
}

/** Added to both sides of a vote: a tile with hardly any order either way is undecided. */
const noise = 0.05

/** How far edges of a tile fall together when seen along its rows (or columns), slanting ones too: 1 where they lie anywhere. Undefined without edges. */
function contrast({ data, width, height }: Grey, left: number, top: number, across: boolean): { readonly contrast: number; readonly edges: number } | undefined {
  const right = Math.min(width, left + tile)
  const bottom = Math.min(height, top + tile)
  const before = across ? width : 1
  const along: number[] = []
  const place: number[] = []
  for (let y = top + 1; y < bottom; y += 1) {
    for (let x = left + 1; x < right; x += 1) {
      const at = y * width + x
      if (data[at - before]! - data[at]! > edge) {
        along.push(across ? x - left : y - top)
        place.push(across ? y - top : x - left)
      }
    }
  }
  if (along.length < minEdges) {
    return undefined
  }
  let most = 0
  for (const slant of slants) {
    const profile = new Int32Array(2 * tile)
    let pairs = 0
    for (let n = 0; n < along.length; n += 1) {
      // A slant moves an edge by at most a seventh of the tile.
      const at = Math.round(place[n]! - along[n]! * slant) + (tile >> 1)
      pairs += profile[at]!
      profile[at]! += 1
    }
    most = Math.max(most, pairs)
  }
  return { contrast: (2 * most * tile) / along.length ** 2 + noise, edges: along.length }
}

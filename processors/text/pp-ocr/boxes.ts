/** Text lines out of the detector's probability map: the post-processing of DB (Liao et al., AAAI 2020), for boxes that are rectangles. */

/** A rectangle that may be turned: `width` runs in the direction of reading, which `angle` (radians, clockwise on the page) turns from the x axis. */
export interface TurnedBox {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly angle: number
  /** 0 to 1: mean probability inside. */
  readonly score: number
}

export interface BoxOptions {
  /** A pixel is text above this. */
  readonly pixel: number
  /** A box is kept above this mean. */
  readonly box: number
  /** The map marks shrunken lines: they grow by area × ratio / perimeter. */
  readonly unclip: number
  /** Pixels of the map; smaller specks are noise. */
  readonly minSide: number
  /** Bounds what a page of noise may cost. */
  readonly maxBoxes: number
}

interface Point {
  readonly x: number
  readonly y: number
}

/** @param map probabilities, row by row */
export function findBoxes(map: Float32Array, width: number, height: number, options: BoxOptions): TurnedBox[] {
  const boxes: TurnedBox[] = []
  const visited = new Uint8Array(width * height)
  const stack = new Int32Array(width * height)
  for (let start = 0; start < map.length && boxes.length < options.maxBoxes; start += 1) {
    if (visited[start] === 1 || map[start]! <= options.pixel) {
      continue
    }
    const rectangle = smallestRectangle(convexHull(outline(map, visited, stack, start, width, height, options.pixel)))
    if (Math.min(rectangle.width, rectangle.height) < options.minSide) {
      continue
    }
    const score = meanInside(map, width, height, rectangle)
    if (score < options.box) {
      continue
    }
    const grow = (rectangle.width * rectangle.height * options.unclip) / (rectangle.width + rectangle.height)
    boxes.push(readable({ ...rectangle, width: rectangle.width + grow, height: rectangle.height + grow, score }))
  }
  return boxes
}

/** The leftmost and rightmost corners of each row of a connected area: all that its convex hull needs. */
function outline(map: Float32Array, visited: Uint8Array, stack: Int32Array, start: number, width: number, height: number, threshold: number): Point[] {
  const rows = new Map<number, [least: number, most: number]>()
  let top = 0
  stack[top++] = start
  visited[start] = 1
  while (top > 0) {
    const at = stack[--top]!
    const x = at % width
    const y = (at - x) / width
    const row = rows.get(y)
    if (row === undefined) {
      rows.set(y, [x, x])
    } else {
      row[0] = Math.min(row[0], x)
      row[1] = Math.max(row[1], x)
    }
    for (let nearY = Math.max(0, y - 1); nearY <= Math.min(height - 1, y + 1); nearY += 1) {
      for (let nearX = Math.max(0, x - 1); nearX <= Math.min(width - 1, x + 1); nearX += 1) {
        const near = nearY * width + nearX
        if (visited[near] === 0 && map[near]! > threshold) {
          visited[near] = 1
          stack[top++] = near
        }
      }
    }
  }
  return [...rows].flatMap(([y, [least, most]]) => [{ x: least, y }, { x: least, y: y + 1 }, { x: most + 1, y }, { x: most + 1, y: y + 1 }])
}

/** Andrew's monotone chain, counter-clockwise in mathematical axes. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  const half = (ordered: readonly Point[]): Point[] => {
    const chain: Point[] = []
    for (const point of ordered) {
      while (chain.length >= 2 && cross(chain.at(-2)!, chain.at(-1)!, point) <= 0) {
        chain.pop()
      }
      chain.push(point)
    }
    return chain.slice(0, -1)
  }
  return [...half(sorted), ...half(sorted.reverse())]
}

function cross(origin: Point, a: Point, b: Point): number {
  return (a.x - origin.x) * (b.y - origin.y) - (a.y - origin.y) * (b.x - origin.x)
}

/** One side of the smallest rectangle lies on an edge of the hull. */
export function smallestRectangle(hull: readonly Point[]): TurnedBox {
  let best: TurnedBox = { x: 0, y: 0, width: 0, height: 0, angle: 0, score: 0 }
  let bestArea = Number.POSITIVE_INFINITY
  for (const [n, from] of hull.entries()) {
    const to = hull[(n + 1) % hull.length]!
    const angle = Math.atan2(to.y - from.y, to.x - from.x)
    const cos = Math.cos(angle)
    const sin = Math.sin(angle)
    let leastU = Number.POSITIVE_INFINITY
    let mostU = Number.NEGATIVE_INFINITY
    let leastV = Number.POSITIVE_INFINITY
    let mostV = Number.NEGATIVE_INFINITY
    for (const { x, y } of hull) {
      const u = x * cos + y * sin
      const v = y * cos - x * sin
      leastU = Math.min(leastU, u)
      mostU = Math.max(mostU, u)
      leastV = Math.min(leastV, v)
      mostV = Math.max(mostV, v)
    }
    const area = (mostU - leastU) * (mostV - leastV)
    if (area < bestArea) {
      bestArea = area
      const u = (leastU + mostU) / 2
      const v = (leastV + mostV) / 2
      best = { x: u * cos - v * sin, y: u * sin + v * cos, width: mostU - leastU, height: mostV - leastV, angle, score: 0 }
    }
  }
  return best
}

/** Text lines are wide; the angle becomes that of reading, between −90° and 90°. What is clearly upright runs from top to bottom. */
function readable(box: TurnedBox): TurnedBox {
  let { width, height, angle } = box
  const quarter = Math.PI / 2
  angle -= Math.round(angle / Math.PI) * Math.PI
  if (angle > Math.PI / 4 || angle <= -Math.PI / 4) {
    angle += angle > 0 ? -quarter : quarter
    ;[width, height] = [height, width]
  }
  return height > 1.6 * width ? { ...box, width: height, height: width, angle: angle + quarter } : { ...box, width, height, angle }
}

function meanInside(map: Float32Array, width: number, height: number, box: TurnedBox): number {
  const cos = Math.cos(box.angle)
  const sin = Math.sin(box.angle)
  const reachX = (Math.abs(box.width * cos) + Math.abs(box.height * sin)) / 2
  const reachY = (Math.abs(box.width * sin) + Math.abs(box.height * cos)) / 2
  let sum = 0
  let count = 0
  for (let y = Math.max(0, Math.floor(box.y - reachY)); y < Math.min(height, box.y + reachY); y += 1) {
    for (let x = Math.max(0, Math.floor(box.x - reachX)); x < Math.min(width, box.x + reachX); x += 1) {
      const dx = x + 0.5 - box.x
      const dy = y + 0.5 - box.y
      if (Math.abs(dx * cos + dy * sin) <= box.width / 2 && Math.abs(dy * cos - dx * sin) <= box.height / 2) {
        sum += map[y * width + x]!
        count += 1
      }
    }
  }
  return count === 0 ? 0 : sum / count
}

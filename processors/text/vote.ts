/**
 * One reading of a page out of two: characters are paired by their place on the page, and where the engines differ each place is decided by
 * how sure they are and by what its word looks like (Fiscus's ROVER, 1997, on characters with places).
 */
import type { Box, TextWord } from '../types.ts'
import type { Place, SeenCharacter } from './align.ts'
import { align } from './align.ts'
import { preference } from './preference.ts'
import type { RecognisedWord } from './messages.ts'

type Row = readonly RecognisedWord[]

/** A word that only the first engine saw is kept above this confidence. */
const minAlone = 0.7

/**
 * @param a rows of the engine that read first
 * @param b rows of the second, whose rows become the page's
 */
export function vote(a: readonly Row[], b: readonly Row[]): TextWord[][] {
  const rows = b.filter((row) => row.length > 0).map((words) => ({ words, partners: [] as RecognisedWord[] }))
  const alone: RecognisedWord[] = []
  for (const word of a.flat()) {
    const row = rowOf(word.box, rows)
    if (row === undefined) {
      alone.push(word)
    } else {
      row.partners.push(word)
    }
  }
  const voted = rows.map(({ words, partners }) => decideRow([...partners].sort((x, y) => x.box.x - y.box.x), words)).filter((row) => row.length > 0)
  for (const { text, box, confidence } of alone) {
    if (confidence >= minAlone && /[\p{L}\p{N}]{2}/u.test(text)) {
      insert(voted, { text, box, confidence })
    }
  }
  return voted
}

/** The row that has a word over the middle of this box, or beside it. */
function rowOf<T extends { readonly words: Row }>(box: Box, rows: readonly T[]): T | undefined {
  let best: T | undefined
  let bestShare = 0.35
  for (const row of rows) {
    for (const word of row.words) {
      const high = Math.min(box.y + box.height, word.box.y + word.box.height) - Math.max(box.y, word.box.y)
      const wide = Math.min(box.x + box.width, word.box.x + word.box.width) - Math.max(box.x, word.box.x)
      const share = high / Math.min(box.height, word.box.height)
      if (wide > 0 && share > bestShare) {
        bestShare = share
        best = row
      }
    }
  }
  return best
}

function decideRow(a: Row, b: Row): TextWord[] {
  const height = Math.max(...b.map((word) => word.box.height))
  const places = align(a.flatMap(charactersOf), b.flatMap(charactersOf), 1.2 * height)
  const chosen: Chosen[] = []
  for (let from = 0; from < places.length; ) {
    let to = from + 1
    if (!agrees(places[from]!)) {
      while (to < places.length && !agrees(places[to]!)) {
        to += 1
      }
    }
    chosen.push(...decide(places, from, to))
    from = to
  }
  return toWords(chosen, b)
}

interface Chosen {
  readonly text: string
  readonly confidence: number
  readonly left: number
  readonly right: number
  readonly first: boolean
}

const agrees = ({ a, b }: Place): boolean => a !== undefined && b !== undefined && a.text === b.text

/** A run of places on which both agree or both differ. */
function decide(places: readonly Place[], from: number, to: number): Chosen[] {
  const run = places.slice(from, to)
  const a = run.flatMap((place) => place.a ?? [])
  const b = run.flatMap((place) => place.b ?? [])
  if (agrees(run[0]!)) {
    // Two that make different mistakes rarely make the same one.
    return b.map((character, n) => ({ ...character, confidence: 1 - (1 - a[n]!.confidence) * (1 - character.confidence), first: a[n]!.first || character.first }))
  }
  const odds = preference(a, b, [places[from - 1]?.b?.text, places[to]?.b?.text])
  const winner = odds > 0 ? a : b
  const confidence = 1 / (1 + Math.exp(-Math.abs(odds)))
  const blank = (a[0]?.first ?? false) || (b[0]?.first ?? false)
  return winner.map((character, n) => ({ ...character, confidence: Math.min(confidence, character.confidence), first: character.first || (n === 0 && blank) }))
}

function charactersOf(word: RecognisedWord): SeenCharacter[] {
  const texts = [...word.text]
  return texts.map((text, n) => {
    const { x, confidence } = word.characters[n]!
    const before = word.characters[n - 1]
    const after = word.characters[n + 1]
    return {
      text,
      confidence,
      x,
      left: before === undefined ? word.box.x : (before.x + x) / 2,
      right: after === undefined ? word.box.x + word.box.width : (after.x + x) / 2,
      first: n === 0,
      wordConfidence: word.confidence,
    }
  })
}

function toWords(chosen: readonly Chosen[], row: Row): TextWord[] {
  const words: Chosen[][] = []
  for (const character of chosen) {
    if (words.length === 0 || character.first) {
      words.push([character])
    } else {
      words.at(-1)!.push(character)
    }
  }
  return words.map((characters) => {
    const left = characters[0]!.left
    const right = Math.max(left + 1, characters.at(-1)!.right)
    const middle = (left + right) / 2
    // Above and below as the second engine's word that stands there: its rows may rise.
    const near = row.reduce((best, word) => (distance(word.box, middle) < distance(best.box, middle) ? word : best))
    return {
      text: characters.map((character) => character.text).join(''),
      box: { x: left, y: near.box.y, width: right - left, height: near.box.height },
      // A word is right when each of its characters is.
      confidence: characters.reduce((product, character) => product * character.confidence, 1),
    }
  })
}

function distance(box: Box, x: number): number {
  return Math.max(0, box.x - x, x - box.x - box.width)
}

/** Into the row it stands in, or as a row of its own above the first that is lower. */
function insert(rows: TextWord[][], word: TextWord): void {
  const middle = word.box.y + word.box.height / 2
  for (const row of rows) {
    const near = row.reduce((best, other) => (distance(other.box, word.box.x) < distance(best.box, word.box.x) ? other : best), row[0]!)
    if (Math.abs(near.box.y + near.box.height / 2 - middle) <= 0.4 * Math.min(near.box.height, word.box.height)) {
      row.push(word)
      row.sort((x, y) => x.box.x - y.box.x)
      return
    }
  }
  const at = rows.findIndex((row) => (row[0]?.box.y ?? 0) + (row[0]?.box.height ?? 0) / 2 > middle)
  rows.splice(at < 0 ? rows.length : at, 0, [word])
}

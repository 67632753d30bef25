/** Characters out of the recogniser's probabilities: greedy CTC (Graves et al., 2006) over an alphabet of which most is not Latin. */

export interface Character {
  readonly text: string
  /** 0 to 1. */
  readonly confidence: number
  /** Its middle along the strip, in time steps. */
  readonly at: number
  /** 0 to 1: how much a blank was seen since the character before. */
  readonly blankBefore: number
}

export interface Alphabet {
  /** By class of the model; class 0 is CTC's blank and empty here. */
  readonly texts: readonly string[]
  /** Classes of Latin letters, digits, signs; 1 or 0. */
  readonly latin: Uint8Array
  /** The class of the space. */
  readonly space: number
}

/** @param dictionary one character a line, as PaddleOCR ships it; the model adds the blank before and the space behind */
export function createAlphabet(dictionary: string): Alphabet {
  const texts = ['', ...dictionary.replace(/\r?\n$/, '').split(/\r?\n/), ' '].map(fold)
  return { texts, latin: Uint8Array.from(texts, (text) => (isLatin(text) ? 1 : 0)), space: texts.length - 1 }
}

const signs = new Map([['。', '.'], ['、', ','], ['，', ','], ['【', '['], ['】', ']'], ['《', '<'], ['》', '>'], ['“', '"'], ['”', '"'], ['‘', "'"], ['’', "'"], ['—', '-'], ['–', '-'], ['×', 'x'], ['￥', '¥'], ['・', '·']])

/** Full-width forms are what a Chinese model makes of Latin signs. */
function fold(text: string): string {
  return signs.get(text) ?? text.normalize('NFKC')
}

function isLatin(text: string): boolean {
  return text !== '' && [...text].every((character) => character.codePointAt(0)! < 0x250 || '€£¥$•·°™'.includes(character))
}

/**
 * The characters of one line. Where at least half of what it sees is Latin the line is: then only Latin classes compete, for a letter that is
 * hard to read is more often a worn one than a Chinese one.
 * @param probabilities of the batch, `steps` × `classes` from `offset` on
 */
export function decode(probabilities: Float32Array, offset: number, steps: number, classes: number, alphabet: Alphabet): Character[] {
  const all = new Int32Array(steps)
  const latin = new Int32Array(steps)
  let latinSteps = 0
  let otherSteps = 0
  for (let step = 0; step < steps; step += 1) {
    const from = offset + step * classes
    let best = 0
    let bestLatin = -1
    let bestValue = probabilities[from]!
    let bestLatinValue = -1
    for (let at = 1; at < classes; at += 1) {
      const value = probabilities[from + at]!
      if (value > bestLatinValue && alphabet.latin[at] === 1) {
        bestLatinValue = value
        bestLatin = at
      }
      if (value > bestValue) {
        bestValue = value
        best = at
      }
    }
    all[step] = best
    // A step at which the model is sure of nothing stays a blank.
    latin[step] = best === 0 ? 0 : bestLatinValue >= probabilities[from]! ? bestLatin : 0
    if (best !== 0 && best !== alphabet.space) {
      latinSteps += alphabet.latin[best]!
      otherSteps += 1 - alphabet.latin[best]!
    }
  }
  return collapse(latinSteps >= otherSteps ? latin : all, probabilities, offset, classes, alphabet)
}

/** Equal classes in a row are one character, blanks part them. */
function collapse(chosen: Int32Array, probabilities: Float32Array, offset: number, classes: number, alphabet: Alphabet): Character[] {
  const characters: Character[] = []
  let blank = 0
  for (let step = 0; step < chosen.length; step += 1) {
    const kind = chosen[step]!
    if (kind === 0 || kind === alphabet.space) {
      blank = Math.max(blank, probabilities[offset + step * classes + alphabet.space]!)
      continue
    }
    const first = step
    let confidence = 0
    for (; step < chosen.length && chosen[step] === kind; step += 1) {
      confidence = Math.max(confidence, probabilities[offset + step * classes + kind]!)
    }
    step -= 1
    characters.push({ text: alphabet.texts[kind]!, confidence, at: (first + step + 1) / 2, blankBefore: characters.length === 0 ? 0 : blank })
    blank = 0
  }
  return characters
}

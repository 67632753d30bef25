import type { RecognisedWord } from '../messages.ts'
import type { TurnedBox } from './boxes.ts'
import type { Character } from './decode.ts'

/** The model was trained on text without spaces: it sees them, but seldom prefers them. */
const minBlank = 0.1

/**
 * Words of a line by the blanks between its characters, each with its box on the page.
 * @param steps time steps that the box is long
 */
export function wordsOf(characters: readonly Character[], box: TurnedBox, steps: number): RecognisedWord[] {
  const words: Character[][] = []
  for (const character of characters) {
    const word = words.at(-1)
    if (word === undefined || character.blankBefore >= minBlank) {
      words.push([character])
    } else {
      word.push(character)
    }
  }
  const pitch = pitchOf(characters)
  return words.map((word, n) => {
    // A word ends half a character behind its last middle, but never beyond the middle of the gap to the next one.
    const before = words[n - 1]?.at(-1)
    const after = words[n + 1]?.[0]
    const from = Math.max(0, word[0]!.at - pitch / 2, before === undefined ? 0 : (before.at + word[0]!.at) / 2)
    const to = Math.min(steps, word.at(-1)!.at + pitch / 2, after === undefined ? steps : (word.at(-1)!.at + after.at) / 2)
    return {
      text: word.map((character) => character.text).join(''),
      box: boundsOf(box, from / steps, to / steps),
      // A word is right when each of its characters is.
      confidence: word.reduce((product, character) => product * character.confidence, 1),
      characters: word.flatMap((character) => [...character.text].map(() => ({ confidence: character.confidence, x: placeOf(box, character.at / steps) }))),
    }
  })
}

/** The usual distance between neighbours, in time steps. */
function pitchOf(characters: readonly Character[]): number {
  const distances = characters.slice(1).map((character, n) => character.at - characters[n]!.at).sort((a, b) => a - b)
  return distances[distances.length >> 1] ?? 3
}

function placeOf(box: TurnedBox, part: number): number {
  return box.x + (part - 0.5) * box.width * Math.cos(box.angle)
}

/** The upright box around a part of a turned one. */
function boundsOf(box: TurnedBox, from: number, to: number): { x: number; y: number; width: number; height: number } {
  const cos = Math.cos(box.angle)
  const sin = Math.sin(box.angle)
  const middle = (from + to) / 2 - 0.5
  const length = Math.max(0, to - from) * box.width
  const width = Math.abs(length * cos) + Math.abs(box.height * sin)
  const height = Math.abs(length * sin) + Math.abs(box.height * cos)
  return { x: box.x + middle * box.width * cos - width / 2, y: box.y + middle * box.width * sin - height / 2, width, height }
}

import type { SeenCharacter } from './align.ts'

/**
 * Where tesseract (`a`) and PP-OCR (`b`) differ: the logarithm of the odds that `a` is right. A logistic regression on 1,792 such places of 100
 * receipts, by how sure each is and by which fits its neighbours better (a letter between letters, a digit between digits). Five-fold
 * cross-validated over receipts it decides 89 % rightly; always taking PP-OCR, 85 %. No text is learnt, only twelve weights.
 * @param neighbours the characters before and behind on which both agree
 */
export function preference(a: readonly SeenCharacter[], b: readonly SeenCharacter[], neighbours: readonly (string | undefined)[]): number {
  const sureA = Math.max(0, mean(a) - 0.8) * 5
  const sureB = mean(b)
  if (b.length === 0) {
    return -4.37 + 1.25 * sureA + 0.07 * wordOf(a) + 1.95 * fit(a, neighbours)
  }
  if (a.length === 0) {
    return 3.02 - 6.29 * sureB + 1.33 * fit(b, neighbours)
  }
  return -0.55 + 3.35 * sureA - 6.29 * sureB + 1.93 * wordOf(a) + 1.46 * (fit(a, neighbours) - fit(b, neighbours)) - 0.94 * Math.min(3, Math.abs(a.length - b.length))
}

function mean(characters: readonly SeenCharacter[]): number {
  return characters.length === 0 ? 0 : characters.reduce((sum, { confidence }) => sum + confidence, 0) / characters.length
}

function wordOf(characters: readonly SeenCharacter[]): number {
  return Math.min(...characters.map(({ wordConfidence }) => wordConfidence))
}

/** 0 to 1: how alike in kind the characters are to what stands beside them; signs say nothing. */
function fit(characters: readonly SeenCharacter[], neighbours: readonly (string | undefined)[]): number {
  const near = neighbours.filter((text): text is string => text !== undefined && kindOf(text) !== 'sign')
  if (near.length === 0) {
    return 0.5
  }
  let sum = 0
  for (const { text } of characters) {
    for (const other of near) {
      if (kindOf(text) === kindOf(other)) {
        sum += kindOf(text) === 'letter' && isUpper(text) !== isUpper(other) ? 0.5 : 1
      }
    }
  }
  return sum / (near.length * characters.length)
}

function kindOf(text: string): 'letter' | 'digit' | 'sign' {
  return /^\p{L}/u.test(text) ? 'letter' : /^\p{N}/u.test(text) ? 'digit' : 'sign'
}

function isUpper(text: string): boolean {
  return text === text.toUpperCase()
}

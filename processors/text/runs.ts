import { cleanText } from '../clean-text.ts'
import type { Box, TextLine, TextWord } from '../types.ts'

/** A piece of text on its line; a text layer's may hold several words. */
export type Word = TextWord

/** Gaps, in heights of the text: below the first nothing stands between two pieces, above the second a new run begins. */
const blankGap = 0.15

/**
 * Joins words that stand side by side into runs and ends a run at a wide gap, so that a cell of a table is one run.
 * @param columnGap in heights of the text
 */
export function joinWords(words: readonly Word[], columnGap: number): TextLine[] {
  return rowsOf(words).flatMap((row) => joinRow(row, columnGap))
}

/** The same for words of one row, from left to right. */
function joinRow(row: readonly Word[], columnGap: number): TextLine[] {
  return runsOf(row, columnGap).map((run) => toLine(run, blankGap))
}

/** The same for words that an engine recognised as words of one row: there is a blank between any two, and each line names its words. */
export function joinRecognised(row: readonly Word[], columnGap: number): TextLine[] {
  return runsOf(row, columnGap).map((run) => ({
    ...toLine(run, Number.NEGATIVE_INFINITY),
    words: run.map(({ text, box, confidence }) => ({ text: cleanText(text), box: unite([box]), confidence: round(confidence, 4) })),
  }))
}

function runsOf(row: readonly Word[], columnGap: number): Word[][] {
  const runs: Word[][] = []
  for (const word of row) {
    const last = runs.at(-1)?.at(-1)
    if (last === undefined || word.box.x - (last.box.x + last.box.width) > columnGap * Math.max(last.box.height, word.box.height)) {
      runs.push([word])
    } else {
      runs.at(-1)!.push(word)
    }
  }
  return runs
}

/** Words or runs whose vertical middles agree, top to bottom, each row from left to right. */
export function rowsOf<T extends { readonly box: Box }>(items: readonly T[]): T[][] {
  const sorted = [...items].sort((a, b) => middle(a.box) - middle(b.box) || a.box.x - b.box.x)
  const rows: { items: T[]; middle: number; height: number }[] = []
  for (const item of sorted) {
    const row = rows.at(-1)
    const center = middle(item.box)
    if (row !== undefined && Math.abs(center - row.middle) <= 0.4 * Math.min(row.height, item.box.height)) {
      row.items.push(item)
      row.middle += (center - row.middle) / row.items.length
      row.height = Math.max(row.height, item.box.height)
    } else {
      rows.push({ items: [item], middle: center, height: item.box.height })
    }
  }
  return rows.map((row) => row.items.sort((a, b) => a.box.x - b.box.x))
}

function middle(box: Box): number {
  return box.y + box.height / 2
}

function toLine(run: readonly Word[], minBlank: number): TextLine {
  let text = ''
  let characters = 0
  let confidence = 0
  for (const [n, word] of run.entries()) {
    const last = run[n - 1]
    if (last !== undefined) {
      const gap = word.box.x - (last.box.x + last.box.width)
      text += gap > minBlank * Math.min(last.box.height, word.box.height) && !text.endsWith(' ') ? ' ' : ''
    }
    text += word.text
    characters += word.text.length
    confidence += word.confidence * word.text.length
  }
  return { text: cleanText(text).trim(), box: unite(run.map((word) => word.box)), confidence: characters === 0 ? 0 : round(confidence / characters, 4) }
}

/** The smallest box around all of them. */
export function unite(boxes: readonly Box[]): Box {
  const x = Math.min(...boxes.map((box) => box.x))
  const y = Math.min(...boxes.map((box) => box.y))
  return {
    x: round(x, 2),
    y: round(y, 2),
    width: round(Math.max(...boxes.map((box) => box.x + box.width)) - x, 2),
    height: round(Math.max(...boxes.map((box) => box.y + box.height)) - y, 2),
  }
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}

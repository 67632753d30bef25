import type { Block } from '../flow.ts'

/** Characters from one tab stop to the next. */
const stop = 12
const gap = 2

/** Collects what stands in one paragraph: tabs part it into cells, breaks into lines. */
export class Paragraph {
  readonly #blocks: Block[] = []
  #cells: string[] = ['']

  text(text: string): void {
    this.#cells[this.#cells.length - 1] += text
  }

  tab(): void {
    this.#cells.push('')
  }

  line(): void {
    this.#blocks.push(...this.#take())
  }

  page(): void {
    this.line()
    this.#blocks.push({ kind: 'page' })
  }

  /** Pushes what is not text: a text box that hangs on the paragraph. */
  push(blocks: readonly Block[]): void {
    this.#blocks.push(...blocks)
  }

  finish(): Block[] {
    return [...this.#blocks, ...this.#take()]
  }

  #take(): Block[] {
    const cells = this.#cells
    this.#cells = ['']
    const blocks: Block[] = []
    let column = 0
    for (const [n, text] of cells.entries()) {
      if (n > 0) {
        column = (Math.floor((column + gap) / stop) + 1) * stop
      }
      if (text.trim() !== '') {
        blocks.push({ kind: 'line', text, column, beside: blocks.length > 0 })
      }
      column += text.trim().length
    }
    return blocks.length === 0 ? [{ kind: 'line', text: '' }] : blocks
  }
}

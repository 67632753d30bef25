/** Letters that look like digits, read by what stands beside them: an engine that sees one character at a time cannot know. */

const digitOf: { readonly [letter: string]: string } = { O: '0', o: '0', D: '0', Q: '0', l: '1', I: '1', '|': '1', S: '5', s: '5', B: '8', Z: '2', z: '2' }
const lettersOf: { readonly [digit: string]: readonly [upper: string, lower: string] } = { '0': ['O', 'o'], '1': ['I', 'l'], '5': ['S', 's'], '8': ['B', 'B'] }

/**
 * The word with look-alikes set right where its shape leaves no doubt: a letter inside of an amount, a date or a number becomes the digit, a
 * digit between letters of a word the letter. The length stays, so that places and confidences of its characters do.
 */
export function settleLookAlikes(word: string): string {
  return lettersWithin(digitsWithin(word))
}

/** Amounts, dates, times: digits with look-alikes among them, told by their signs; and long numbers with one look-alike inside. */
const shapes: readonly RegExp[] = [
  // RMO.94, S0.00, 1O,5O
  /(?<=^(?:[A-Z]{2,3}|[$€£¥])?[-(]?)[\dOolI|][\dOoQlI|SBZ]{0,2}(?:[.,][\dOoQDlI|SBZ]{3})*[.,][\dOoQlI|SBZ]{2}(?=[)-]?$)/,
  // 1O/O5/2018, I2-03-18
  /^[\dOolI|SBZ]{1,2}([/.-])[\dOolI|SBZ]{1,2}\1(?:[\dOolI|SBZ]{2}){1,2}$/,
  // 12:O5, 12:05:I0
  /^[\dOolI|SB]{1,2}:[\dOolI|SB]{2}(?::[\dOolI|SB]{2})?$/,
]

function digitsWithin(word: string): string {
  for (const shape of shapes) {
    const match = shape.exec(word)
    // Something must be a digit already: BILL.SO is no amount.
    if (match !== null && /\d/.test(match[0])) {
      return word.slice(0, match.index) + [...match[0]].map((character) => digitOf[character] ?? character).join('') + word.slice(match.index + match[0].length)
    }
  }
  // A single letter with two digits on either side; any run of O behind two digits, to the end or between them.
  return word.replace(/(?<=\d\d)[OolIS](?=\d\d)|(?<=\d\d[Oo]*)[Oo](?=[Oo]*\d?$)/g, (letter) => digitOf[letter] ?? letter)
}

/** CONFECTI0NERY, INV0ICE: letters on both sides, four at least, and no other digit in the word; N0. and D.1.Y., which are no numbers. */
function lettersWithin(word: string): string {
  if (/^[NC]0[.:]*$|^(?:[A-Z]\.)+1\.(?:[A-Z]\.?)*$/.test(word)) {
    return word.replace('0', 'O').replace('1', 'I')
  }
  if (!/^\P{N}*\p{N}(?:\P{N}+\p{N})?\P{N}*$/u.test(word) || (word.match(/\p{L}/gu)?.length ?? 0) < 4) {
    return word
  }
  return word.replace(/(?<=(\p{L}))[0158](?=(\p{L}))/gu, (digit, before: string, after: string) => {
    const [upper, lower] = lettersOf[digit] ?? [digit, digit]
    return before === before.toUpperCase() && after === after.toUpperCase() ? upper : lower
  })
}

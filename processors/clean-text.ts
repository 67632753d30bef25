/**
 * Text as every store takes it: no control characters (PostgreSQL's JSON refuses NUL), no lone surrogates (they have no UTF-8). A
 * document may hold any of them.
 */
export function cleanText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

/** Longer words are encoded attachments, not text. */
const longestWord = 100

const entities: { readonly [name: string]: string } = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * The words of an e-invoice's XML, an element's text a row: what there is to search where there are no pages.
 * @param xml as it was accepted: well-formed, without entities of its own
 */
export function plainXmlText(xml: string): string[] {
  return xml
    .replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>/g, '')
    .split(/<[^>]*>/)
    .map((text) =>
      text
        .replace(/&(lt|gt|amp|quot|apos);/g, (_whole, name: string) => entities[name]!)
        .replace(/&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi, (whole, hex: string | undefined, decimal: string | undefined) => {
          const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
          return code <= 0x10ffff ? String.fromCodePoint(code) : whole
        })
        .split(/\s+/)
        .filter((word) => word !== '' && word.length <= longestWord)
        .join(' '),
    )
    .filter((text) => text !== '')
}

/** Rows joined to a name or an address, without what does not belong to it, well-known words as they are spelled. */
import { capitals, cased, spellPlaces, spellTrades, whole } from './receipt-spelling.ts'

/** Numbers of registers behind a name: (139386 X), (965752-T), 201901000005 (1312525-A), (CO. NO. 7089-A), (JM0517726). */
const registration = /[\s,]*[([{]?\s*(?:(?:co|company|reg|regn|roc|rob|gst|no|id|registration)\b[\s.:]*)*[A-Z]{0,3}\d[\dOIlBS]{4,13}\s*[-–—.]?\s*[A-Z0-9]?\s*[)\]}]?\W*$/i
const halfRegistration = /[\s,]*[([{]\s*(?:(?:co|reg|no)\b|\d)[^)]*$/i
const label = /^(?:company|shop|store|merchant|name|firma)\s*(?:name)?\s*[:;]\s*/i

/** A name ends with its legal form: what follows is a number, a branch or a stain. */
const ending = /^(.{3,}?(?<![\p{L}\p{N}])(?:(?:sdn\.? ?)?bhd|berhad|s\/b|gmbh(?: ?& ?co\.? ?kg)?|ltd|limited|llc|inc|pte ltd|sarl|b\.?v)\.?)(?![\p{L}\p{N}]).*$/iu

export function cleanName(rows: readonly string[]): string {
  const parts = rows.map((row) => row.replace(label, '').replace(registration, '').replace(halfRegistration, '').trim()).filter((row) => row !== '')
  return initials(legalForms(spellTrades(whole(capitals(parts.join(' ')))).replace(/(?<=[\p{L}\d.])\(/gu, ' (').replace(/\)(?=\p{L})/gu, ') ')))
    .replace(ending, '$1')
    .replace(/\s+/g, ' ').replace(/[\s,;:.-]+$/, (end) => (/^\.$/.test(end) ? end : '')).replace(/^[^\p{L}\p{N}(]+/u, '')
}

/** D.1.Y. and D.l.Y.: a one among initials is an I. */
function initials(text: string): string {
  return text.replace(/(?<=\b[A-Z]\.)[1l](?=\.)/g, 'I').replace(/\bC0(?=\.)/g, 'CO')
}

const malaysian = /\b(?:[S5][\w.]?[NMHK]([.,]?\s?)[B8][HNI][DOI0]|SDN([.,]?\s?)(?:\wHD|[B8]\wD|[B8]H\w)|(?:\wDN|SD\w|[CG]ON)([.,]?\s?)BHD)\b/gi

/** Legal forms as recognition misreads them: SON BHD, SDN BND, SDN. 8HD, Sdn.Rhd, CON BHD, 5/B. */
function legalForms(text: string): string {
  return text
    .replace(malaysian, (match, ...between: (string | undefined)[]) => cased(match, `Sdn${(between.slice(0, 3).find((one) => one !== undefined) || ' ').replace(',', '.')}Bhd`))
    .replace(/(?<![\p{L}\p{N}])[S58G]\/[B8](?![\p{L}\p{N}])/giu, 'S/B')
}

const tail = /[\s,]*\(?\b(?:tel|telephone|telefon|phone|fax|gst|sst|vat|hp|email|e-mail|www|co\.? ?reg|roc|reg)\b.*$/i

export function cleanAddress(rows: readonly string[]): string {
  const parts = rows.map((row) => spellPlaces(capitals(row.replace(/^(?:address|alamat|adresse|anschrift)\s*[:;]\s*/i, '').replace(tail, '').trim()))).filter((row) => row !== '')
  // A stop that ends a row in the middle was a comma: sentences are not divided into rows.
  const joined = parts.map((part, n) => (n < parts.length - 1 ? part.replace(/(?<=[\p{L}\d]{2})\.$/u, ',') : part)).join(' ').replace(/\s+/g, ' ')
  // A mark that sticks to what follows was printed so: only one that stands alone goes to the word before.
  const address = joined.replace(/\s+([,.])(?=\s|$)/g, '$1').trim()
  // Behind a postcode no lone figure stands at the end: a stain.
  return (/\d{5}/.test(address) ? address.replace(/(?<=\p{L}{3}[.,]?) [\d\p{L}]$/u, '') : address).replace(/,$/, '')
}


/** Rows joined to a name or an address, without what does not belong to it, well-known words as they are spelled. */
import { within } from './misread.ts'
import { headWords } from './receipt-words.ts'

/** Numbers of registers behind a name: (139386 X), (965752-T), 201901000005 (1312525-A), (CO. NO. 7089-A), (JM0517726). */
const registration = /[\s,]*[([{]?\s*(?:(?:co|company|reg|regn|roc|rob|gst|no|id|registration)\b[\s.:]*)*[A-Z]{0,3}\d[\dOIlBS]{4,13}\s*[-–—.]?\s*[A-Z0-9]?\s*[)\]}]?\W*$/i
const halfRegistration = /[\s,]*[([{]\s*(?:(?:co|reg|no)\b|\d)[^)]*$/i
const label = /^(?:company|shop|store|merchant|name|firma)\s*(?:name)?\s*[:;]\s*/i

/** A name ends with its legal form: what follows is a number, a branch or a stain. */
const ending = /^(.{3,}?(?<![\p{L}\p{N}])(?:(?:sdn\.? ?)?bhd|berhad|s\/b|gmbh(?: ?& ?co\.? ?kg)?|ltd|limited|llc|inc|pte ltd|sarl|b\.?v)\.?)(?![\p{L}\p{N}]).*$/iu

export function cleanName(rows: readonly string[]): string {
  const parts = rows.map((row) => row.replace(label, '').replace(registration, '').replace(halfRegistration, '').trim()).filter((row) => row !== '')
  return initials(legalForms(whole(parts.join(' ')).replace(/(?<=[\p{L}\d.])\(/gu, ' (').replace(/\)(?=\p{L})/gu, ') ')))
    .replace(ending, '$1')
    .replace(/\s+/g, ' ').replace(/[\s,;:.-]+$/, (end) => (/^\.$/.test(end) ? end : '')).replace(/^[^\p{L}\p{N}(]+/u, '')
}

/** D.1.Y. and D.l.Y.: a one among initials is an I. */
function initials(text: string): string {
  return text.replace(/(?<=\b[A-Z]\.)[1l](?=\.)/g, 'I').replace(/\bC0(?=\.)/g, 'CO')
}

/** BAKERI ES, JAL AN: two pieces that are no words and together are one that heads share. */
function whole(text: string): string {
  const common = (word: string): boolean => headWords.has(word.toLowerCase()) || knownSet.has(word.toUpperCase())
  const words: string[] = []
  for (const word of text.split(' ')) {
    const last = words.at(-1)
    const joined = last === undefined ? '' : `${last}${word}`.replace(/[.,]$/, '')
    if (last !== undefined && joined.length >= 5 && /^\p{L}+$/u.test(joined) && common(joined) && !(common(last) && common(word))) {
      words[words.length - 1] = last + word
    } else {
      words.push(word)
    }
  }
  return words.join(' ')
}

/** Legal forms as recognition misreads them: SON BHD, SDN BND, SDN. 8HD, 5/B. */
function legalForms(text: string): string {
  return text
    .replace(/\b[S5][\w.]?[NMHK]([.,]?)\s?[B8][HNI][DOI0]\b/gi, (match, stop: string) => cased(match, `Sdn${stop === '' ? '' : '.'} Bhd`))
    .replace(/(?<![\p{L}\p{N}])[S58]\/[B8](?![\p{L}\p{N}])/giu, 'S/B')
    .replace(/\bENTERPR[IL1][S5]E\b/gi, (match) => cased(match, 'Enterprise'))
}

function cased(model: string, word: string): string {
  const letters = model.replace(/[^\p{L}]/gu, '')
  return letters === letters.toUpperCase() ? word.toUpperCase() : letters === letters.toLowerCase() ? word.toLowerCase() : word
}

const tail = /[\s,]*\(?\b(?:tel|telephone|telefon|phone|fax|gst|sst|vat|hp|email|e-mail|www|co\.? ?reg|roc|reg)\b.*$/i

export function cleanAddress(rows: readonly string[]): string {
  const parts = rows.map((row) => spell(row.replace(/^(?:address|alamat|adresse|anschrift)\s*[:;]\s*/i, '').replace(tail, '').trim())).filter((row) => row !== '')
  // A stop that ends a row in the middle was a comma: sentences are not divided into rows.
  const address = parts.map((part, n) => (n < parts.length - 1 ? part.replace(/(?<=[\p{L}\d]{2})\.$/u, ',') : part)).join(' ').replace(/\s+/g, ' ').replace(/\s+([,.])/g, '$1').trim()
  // Behind a postcode no lone figure stands at the end: a stain.
  return (/\d{5}/.test(address) ? address.replace(/(?<=\p{L}{3}[.,]?) [\d\p{L}]$/u, '') : address).replace(/,$/, '')
}

/** Words that addresses share, in capitals: countries, states, cities, kinds of streets and districts. */
const known = [
  'JALAN', 'TAMAN', 'BANDAR', 'LORONG', 'PERSIARAN', 'KAWASAN', 'PERINDUSTRIAN', 'SEKSYEN', 'SECTION', 'KAMPUNG', 'DESA', 'PUSAT', 'PERNIAGAAN', 'BUKIT', 'SUNGAI', 'PLAZA', 'WISMA', 'MENARA', 'KOMPLEKS', 'BANGUNAN', 'BUILDING', 'TINGKAT', 'LEVEL', 'GROUND', 'FLOOR', 'INDUSTRIAL', 'SELANGOR',
  'JOHOR', 'BAHRU', 'KUALA', 'LUMPUR', 'PENANG', 'PULAU', 'PINANG', 'PERAK', 'PAHANG', 'KEDAH', 'KELANTAN', 'TERENGGANU', 'MELAKA', 'NEGERI', 'SEMBILAN', 'PERLIS', 'SABAH', 'SARAWAK', 'PUTRAJAYA', 'WILAYAH', 'PERSEKUTUAN', 'MALAYSIA', 'SINGAPORE', 'SEREMBAN', 'KLANG', 'PETALING', 'KAJANG', 'CHERAS', 'AMPANG',
  'PUCHONG', 'SUBANG', 'RAWANG', 'SERDANG', 'KEMBANGAN', 'SKUDAI', 'DARUL', 'EHSAN', 'STREET', 'ROAD', 'AVENUE', 'LONDON', 'SHOPPING', 'CENTRE', 'CENTER', 'COMPLEX', 'TERMINAL', 'AIRPORT', 'BOULEVARD', 'SQUARE',
]
const knownSet = new Set(known)

/** A word that is one letter off a word all addresses share is that word; punctuation and case stay. */
function spell(row: string): string {
  return whole(row)
    .split(' ')
    .map((token) => {
      const word = /^[\p{L}\d|!]+(?=[,.;:]?$)/u.exec(token)?.[0]
      if (word === undefined || word.length < 5 || knownSet.has(word.toUpperCase()) || (word.match(/\d/g)?.length ?? 0) > 1) {
        return token
      }
      const upper = word.toUpperCase()
      const candidates = known.filter((one) => Math.abs(one.length - upper.length) <= 1 && within(upper, one, one.length >= 9 ? 2 : 1))
      return candidates.length === 1 ? cased(word, titled(candidates[0]!)) + token.slice(word.length) : token
    })
    .join(' ')
    .replace(/\b(?:J[IU1]N|JLM)\b(?!\d)/gi, (match) => cased(match, 'Jln'))
    .replace(/\bT(?:HN|MM|NN)\b/gi, (match) => cased(match, 'Tmn'))
    .replace(/\bSERT\b/gi, (match) => cased(match, 'Seri'))
    // A number's O and l between digits.
    .replace(/(?<=\d)[Oo](?=\d)/g, '0')
    .replace(/(?<=\d)[lI|](?=\d)/g, '1')
}

function titled(word: string): string {
  return word[0]! + word.slice(1).toLowerCase()
}

/** Words of receipts' heads as they are spelled: what recognition broke in two, misread by a letter, or put in small letters among capitals. */
import { within } from './misread.ts'
import { headWords } from './receipt-words.ts'

/** Words that addresses share, in capitals: countries, states, cities, kinds of streets and districts. A word one letter off is taken for one of them. */
const known = [
  'JALAN', 'TAMAN', 'BANDAR', 'LORONG', 'PERSIARAN', 'LEBUHRAYA', 'KAWASAN', 'PERINDUSTRIAN', 'SEKSYEN', 'SECTION', 'KAMPUNG', 'DESA', 'PUSAT', 'PERNIAGAAN', 'PERDAGANGAN', 'BUKIT', 'SUNGAI', 'PLAZA', 'WISMA', 'MENARA', 'KOMPLEKS', 'BANGUNAN', 'BUILDING', 'TINGKAT', 'LEVEL', 'GROUND', 'FLOOR', 'INDUSTRIAL',
  'SELANGOR', 'JOHOR', 'BAHRU', 'KUALA', 'LUMPUR', 'PENANG', 'PULAU', 'PINANG', 'PERAK', 'PAHANG', 'KEDAH', 'KELANTAN', 'TERENGGANU', 'MELAKA', 'NEGERI', 'SEMBILAN', 'PERLIS', 'SABAH', 'SARAWAK', 'PUTRAJAYA', 'CYBERJAYA', 'WILAYAH', 'PERSEKUTUAN', 'MALAYSIA', 'SINGAPORE', 'SEREMBAN', 'KLANG', 'PETALING', 'KAJANG',
  'CHERAS', 'AMPANG', 'PUCHONG', 'SUBANG', 'RAWANG', 'SERDANG', 'KEMBANGAN', 'BALAKONG', 'SEMENYIH', 'DAMANSARA', 'TITIWANGSA', 'SETIAWANGSA', 'SKUDAI', 'BUTTERWORTH', 'GEORGETOWN', 'DARUL', 'EHSAN', 'STREET', 'ROAD', 'AVENUE', 'LONDON', 'SHOPPING', 'CENTRE', 'CENTER', 'COMPLEX', 'TERMINAL', 'AIRPORT', 'BOULEVARD', 'SQUARE',
]
/** Words of addresses that are one letter off a known one and right as they stand: other places, what streets are named for. */
const others = [
  'KELANG', 'KELANA', 'KLUANG', 'KAPAR', 'KAMPAR', 'KAMPONG', 'BAHARU', 'MALACCA', 'UTARA', 'UTAMA', 'BANDARAN', 'TANJUNG', 'TANJONG', 'SUNGEI', 'SERENDAH', 'PERMAI', 'INDUSTRIES', 'INDUSTRI', 'PENDANG', 'PADANG', 'PENAGA', 'GELANG', 'RAJANG', 'SERANG', 'SEDANG', 'TAMAR', 'TEMAN',
  'GROUNDS', 'FLOORS', 'LEVELS', 'ROADS', 'BROAD', 'PLAZAS', 'CENTRES', 'CENTERS', 'SQUARES', 'STREETS',
]
const knownSet = new Set([...known, ...others])

/** Names of two words, the second of which is too short to be told by itself. */
const phrases = ['SHAH ALAM', 'PETALING JAYA', 'KUALA LUMPUR', 'JOHOR BAHRU', 'DARUL EHSAN', 'DARUL TAKZIM', 'PASIR GUDANG', 'BATU PAHAT', 'BATU CAVES', 'ALOR SETAR', 'PORT KLANG'].map((phrase) => {
  const [first, second] = phrase.split(' ') as [string, string]
  return { first, second }
})

/** A word that is one letter off a word all addresses share is that word; punctuation and case stay. */
export function spellPlaces(row: string): string {
  return spellPhrases(
    whole(row)
      .split(' ')
      .map((token) => {
        const { word, end } = parts(token)
        const found = nearestKnown(word)
        return found === undefined ? token : cased(word, titled(found)) + end
      }),
  )
    .join(' ')
    .replace(/\b(?:J[IU1]N|JLM)\b(?!\d)/gi, (match) => cased(match, 'Jln'))
    .replace(/\bT(?:HN|MM|NN)\b/gi, (match) => cased(match, 'Tmn'))
    .replace(/\bSERT\b/gi, (match) => cased(match, 'Seri'))
    // A number's O and l between digits.
    .replace(/(?<=\d)[Oo](?=\d)/g, '0')
    .replace(/(?<=\d)[lI|](?=\d)/g, '1')
}

function parts(token: string): { readonly word: string; readonly end: string } {
  const word = /^[\p{L}\d|!]+(?=[,.;:]?$)/u.exec(token)?.[0] ?? ''
  return { word, end: token.slice(word.length) }
}

function nearestKnown(word: string): string | undefined {
  const upper = word.toUpperCase()
  if (word.length < 5 || knownSet.has(upper) || (word.match(/\d/g)?.length ?? 0) > 1) {
    return undefined
  }
  const candidates = known.filter((one) => Math.abs(one.length - upper.length) <= 1 && within(upper, one, one.length >= 9 ? 2 : 1))
  return candidates.length === 1 ? candidates[0] : undefined
}

/** SHAH ALAN, SHAH AL AM, PERTNDUSTR IAN: one letter off when the words beside are taken together. */
function spellPhrases(tokens: readonly string[]): string[] {
  const spelled: string[] = []
  for (let at = 0; at < tokens.length; at += 1) {
    const [one, two, three] = [tokens[at]!, tokens[at + 1], tokens[at + 2]].map((token) => parts(token ?? ''))
    const phrase = phrases.find(({ first, second }) => one!.end === '' && one!.word.toUpperCase() === first && [two!.word, two!.end === '' ? two!.word + three!.word : ''].some((word) => word.length >= 4 && within(word.toUpperCase(), second, 1)))
    if (phrase !== undefined) {
      const pieces = within(two!.word.toUpperCase(), phrase.second, 1) ? 1 : 2
      spelled.push(tokens[at]!, cased(one!.word, titled(phrase.second)) + (pieces === 1 ? two! : three!).end)
      at += pieces
      continue
    }
    const joined = one!.end === '' && one!.word !== '' && two!.word !== '' && !knownSet.has(one!.word.toUpperCase()) && !knownSet.has(two!.word.toUpperCase()) ? one!.word + two!.word : ''
    const found = joined.length >= 9 ? nearestKnown(joined) : undefined
    if (found === undefined) {
      spelled.push(tokens[at]!)
    } else {
      spelled.push(cased(joined, titled(found)) + two!.end)
      at += 1
    }
  }
  return spelled
}

/** BAKERI ES, JAL AN: two pieces that are no words and together are one that heads share. */
export function whole(text: string): string {
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

/** SETIa, kL, nO: small letters that recognition saw among capitals. PappaRich, GmbH and No keep theirs. */
export function capitals(text: string): string {
  return text.replace(/(?<![\p{L}\p{N}])(?=\p{L}*\p{Ll})(?:\p{Ll}\p{Lu}+|\p{Lu}{3,}\p{Ll}\p{Lu}*)(?![\p{L}\p{N}])/gu, (word) => word.toUpperCase())
}

/** Words that names share, long enough that one letter makes no other word of them; and what is printed in their place. */
const trades = [
  'CONFECTIONERY', 'STATIONERY', 'INTERNATIONAL', 'ENTERPRISE', 'ENTERPRISES', 'RESTAURANT', 'RESTAURANTS', 'SUPERMARKET', 'HYPERMARKET', 'MINIMARKET', 'ELECTRICAL', 'ELECTRONIC', 'ELECTRONICS', 'INDUSTRIES', 'INDUSTRIAL', 'HEALTHCARE', 'DISTRIBUTOR', 'DISTRIBUTORS', 'DISTRIBUTION',
  'CORPORATION', 'MARKETING', 'ENGINEERING', 'TECHNOLOGY', 'MACHINERY', 'RESOURCES', 'HARDWARE', 'PERNIAGAAN',
]
const tradeSet = new Set([...trades, 'CONFECTIONARY', 'STATIONARY'])

/** CONFECTIUNERY, INTERNATIGNAL: a word of a trade with one letter read as another. */
export function spellTrades(text: string): string {
  return text.replace(/(?<![\p{L}\d])[\p{L}\d]{8,13}(?![\p{L}\d])/gu, (word) => {
    const upper = word.toUpperCase()
    const trade = tradeSet.has(upper) ? undefined : trades.find((one) => one.length === upper.length && within(upper, one, 1))
    return trade === undefined ? word : cased(word, titled(trade))
  })
}

/** The word in the case of the model: all capitals, all small, or as it is given. */
export function cased(model: string, word: string): string {
  const letters = model.replace(/[^\p{L}]/gu, '')
  return letters === letters.toUpperCase() ? word.toUpperCase() : letters === letters.toLowerCase() ? word.toLowerCase() : word
}

function titled(word: string): string {
  return word[0]! + word.slice(1).toLowerCase()
}

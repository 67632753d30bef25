/** Which of the two comes first where it cannot be told: 03/04/2026. A tenant's setting. */
export type DateOrder = 'day-month' | 'month-day'

export interface FoundDate {
  readonly index: number
  readonly text: string
  /** YYYY-MM-DD */
  readonly day: string
  /** Both orders are possible: the tenant's decided. */
  readonly ambiguous: boolean
}

const monthNames: readonly (readonly string[])[] = [
  ['january', 'januar', 'janvier', 'enero', 'gennaio', 'januari', 'jan', 'janv', 'jänner'],
  ['february', 'februar', 'février', 'fevrier', 'febrero', 'febbraio', 'februari', 'feb', 'févr', 'fevr'],
  ['march', 'märz', 'maerz', 'mars', 'marzo', 'maart', 'mar', 'mrz', 'mär', 'mrt'],
  ['april', 'avril', 'abril', 'aprile', 'apr', 'avr'],
  ['may', 'mai', 'mayo', 'maggio', 'mei'],
  ['june', 'juni', 'juin', 'junio', 'giugno', 'jun'],
  ['july', 'juli', 'juillet', 'julio', 'luglio', 'jul', 'juil'],
  ['august', 'août', 'aout', 'agosto', 'augustus', 'aug'],
  ['september', 'septembre', 'septiembre', 'settembre', 'sep', 'sept'],
  ['october', 'oktober', 'octobre', 'octubre', 'ottobre', 'oct', 'okt'],
  ['november', 'novembre', 'noviembre', 'nov'],
  ['december', 'dezember', 'décembre', 'decembre', 'diciembre', 'dicembre', 'dec', 'dez', 'déc'],
]
const months: ReadonlyMap<string, number> = new Map(monthNames.flatMap((names, n) => names.map((name) => [name, n + 1] as const)))

/** 1 to 12 of a month's name or its abbreviation in any of the languages. */
export function monthOf(name: string): number | undefined {
  return months.get(name.toLowerCase())
}

const patterns: readonly RegExp[] = [
  // 2026-11-21, 2026/11/21, 2026.11.21
  /(?<![\d.,/-])(?<y>(?:19|20)\d{2})\s?[-/.]\s?(?<m>\d{1,2})\s?[-/.]\s?(?<d>\d{1,2})(?!\d)/g,
  // 21.11.2026, 21/11/26, 21-11-2026
  /(?<![\d.,/-])(?<a>\d{1,2})\s?[-/.]\s?(?<b>\d{1,2})\s?[-/.]\s?(?<y>(?:19|20)\d{2}|\d{2})(?!\d|[-/.]\d)/g,
  // 21 November 2026, 21. Nov 26, 21-Nov-2026, 21st of November, 2026
  /(?<![\d.,/-])(?<d>\d{1,2})(?:st|nd|rd|th)?[ .,/-]{0,3}(?:of )?(?<name>\p{L}{3,10})[ .,'/-]{0,3}(?<y>(?:19|20)\d{2}|\d{2})(?!\d)/giu,
  // November 21, 2026
  /(?<!\p{L})(?<name>\p{L}{3,10})[ .]{1,2}(?<d>\d{1,2})(?:st|nd|rd|th)?[ ,.]{1,3}(?<y>(?:19|20)\d{2})(?!\d)/giu,
]

/** Every date has three digits at least: most texts have none, and are not looked at with patterns. */
const datable = /\d\D*\d\D*\d/

/** Dates in a line of text. */
export function findDates(text: string, order: DateOrder): FoundDate[] {
  const found: FoundDate[] = []
  if (!datable.test(text)) {
    return found
  }
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) {
      if (found.some((other) => match.index < other.index + other.text.length && other.index < match.index + match[0].length)) {
        continue
      }
      const date = toDate(match.groups!, order)
      if (date !== undefined) {
        found.push({ index: match.index, text: match[0], ...date })
      }
    }
  }
  return found.sort((a, b) => a.index - b.index)
}

function toDate(groups: Record<string, string>, order: DateOrder): { day: string; ambiguous: boolean } | undefined {
  const year = groups['y']!.length === 2 ? 2000 + Number(groups['y']) : Number(groups['y'])
  if (groups['name'] !== undefined) {
    const month = months.get(groups['name'].toLowerCase())
    return month === undefined ? undefined : checked(year, month, Number(groups['d']), false)
  }
  if (groups['m'] !== undefined) {
    return checked(year, Number(groups['m']), Number(groups['d']), false)
  }
  const a = Number(groups['a'])
  const b = Number(groups['b'])
  const ambiguous = a <= 12 && b <= 12 && a !== b
  const dayFirst = b > 12 ? false : a > 12 ? true : order === 'day-month'
  return dayFirst ? checked(year, b, a, ambiguous) : checked(year, a, b, ambiguous)
}

function checked(year: number, month: number, date: number, ambiguous: boolean): { day: string; ambiguous: boolean } | undefined {
  const time = new Date(Date.UTC(year, month - 1, date))
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === date ? { day: time.toISOString().slice(0, 10), ambiguous } : undefined
}

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

/**
 * Of all official languages of the European Union that print months by name, but Irish and Maltese. Abbreviations that are words of another
 * language ("set", "out", "ott") are left out; "listopada" is November, as in Polish, though Croatian means October.
 */
const monthNames: readonly (readonly string[])[] = [
  ['january', 'januar', 'janvier', 'enero', 'gennaio', 'januari', 'janeiro', 'stycznia', 'styczeń', 'jan', 'janv', 'jänner', 'ene', 'genn', 'ledna', 'januára', 'ianuarie', 'tammikuuta', 'ιανουαρίου', 'януари', 'január', 'januarja', 'sausio', 'janvāris', 'janvārī', 'jaanuar', 'siječnja'],
  ['february', 'februar', 'février', 'fevrier', 'febrero', 'febbraio', 'februari', 'fevereiro', 'lutego', 'luty', 'feb', 'febr', 'févr', 'fevr', 'fev', 'fév', 'února', 'februára', 'februarie', 'helmikuuta', 'φεβρουαρίου', 'февруари', 'február', 'februarja', 'vasario', 'februāris', 'februārī', 'veebruar', 'veljače'],
  ['march', 'märz', 'maerz', 'mars', 'marzo', 'maart', 'março', 'marts', 'marca', 'marzec', 'mar', 'mrz', 'mär', 'mrt', 'března', 'martie', 'maaliskuuta', 'μαρτίου', 'март', 'március', 'márc', 'kovo', 'martā', 'märts', 'ožujka'],
  ['april', 'avril', 'abril', 'aprile', 'kwietnia', 'kwiecień', 'apr', 'avr', 'abr', 'dubna', 'apríla', 'aprilie', 'huhtikuuta', 'απριλίου', 'април', 'április', 'ápr', 'aprila', 'balandžio', 'aprīlis', 'aprīlī', 'aprill', 'travnja'],
  ['may', 'mai', 'mayo', 'maggio', 'mei', 'maio', 'maj', 'maja', 'května', 'mája', 'toukokuuta', 'μαΐου', 'май', 'május', 'máj', 'gegužės', 'maijs', 'maijā', 'svibnja'],
  ['june', 'juni', 'juin', 'junio', 'giugno', 'junho', 'czerwca', 'czerwiec', 'jun', 'giu', 'června', 'júna', 'iunie', 'kesäkuuta', 'ιουνίου', 'юни', 'június', 'jún', 'junija', 'birželio', 'jūnijs', 'jūnijā', 'juuni', 'lipnja'],
  ['july', 'juli', 'juillet', 'julio', 'luglio', 'julho', 'lipca', 'lipiec', 'jul', 'juil', 'lug', 'července', 'júla', 'iulie', 'heinäkuuta', 'ιουλίου', 'юли', 'július', 'júl', 'julija', 'liepos', 'jūlijs', 'jūlijā', 'juuli', 'srpnja'],
  ['august', 'août', 'aout', 'agosto', 'augustus', 'augusti', 'sierpnia', 'sierpień', 'aug', 'ago', 'srpna', 'augusta', 'elokuuta', 'αυγούστου', 'август', 'augusztus', 'avgusta', 'rugpjūčio', 'augusts', 'augustā', 'kolovoza'],
  ['september', 'septembre', 'septiembre', 'setiembre', 'settembre', 'setembro', 'września', 'wrzesień', 'sep', 'sept', 'září', 'septembra', 'septembrie', 'syyskuuta', 'σεπτεμβρίου', 'септември', 'szeptember', 'szept', 'rugsėjo', 'septembris', 'septembrī', 'rujna'],
  ['october', 'oktober', 'octobre', 'octubre', 'ottobre', 'outubro', 'października', 'październik', 'oct', 'okt', 'října', 'októbra', 'octombrie', 'lokakuuta', 'οκτωβρίου', 'октомври', 'október', 'oktobra', 'spalio', 'oktobris', 'oktobrī', 'oktoober'],
  ['november', 'novembre', 'noviembre', 'novembro', 'listopada', 'listopad', 'nov', 'listopadu', 'novembra', 'noiembrie', 'marraskuuta', 'νοεμβρίου', 'ноември', 'lapkričio', 'novembris', 'novembrī', 'studenoga', 'studenog'],
  ['december', 'dezember', 'décembre', 'decembre', 'diciembre', 'dicembre', 'dezembro', 'desember', 'grudnia', 'grudzień', 'dec', 'dez', 'déc', 'dic', 'prosince', 'decembra', 'decembrie', 'joulukuuta', 'δεκεμβρίου', 'декември', 'gruodžio', 'decembris', 'decembrī', 'detsember', 'prosinca'],
]
const months: ReadonlyMap<string, number> = new Map(monthNames.flatMap((names, n) => names.map((name) => [name, n + 1] as const)))

/** 1 to 12 of a month's name or its abbreviation in any of the languages. */
export function monthOf(name: string): number | undefined {
  return months.get(name.normalize('NFC').toLowerCase())
}

const patterns: readonly RegExp[] = [
  // 2026-11-21, 2026/11/21, 2026.11.21
  /(?<![\d.,/-])(?<y>(?:19|20)\d{2})\s?[-/.]\s?(?<m>\d{1,2})\s?[-/.]\s?(?<d>\d{1,2})(?!\d)/g,
  // 21.11.2026, 21/11/26, 21-11-2026
  /(?<![\d.,/-])(?<a>\d{1,2})\s?(?<s>[-/.])\s?(?<b>\d{1,2})\s?[-/.]\s?(?<y>(?:19|20)\d{2}|\d{2})(?!\d|[-/.]\d)/g,
  // 21 November 2026, 21. Nov 26, 21-Nov-2026, 21st of November, 2026, 1er mai 2026, 21 de noviembre de 2026; no clock's hour is a year
  /(?<![\d.,/-])(?<d>\d{1,2})(?:st|nd|rd|th|er|[º°])?[ .,/-]{0,3}(?:(?:of|de|di) )?(?<name>\p{L}{3,12})[ .,'’/-]{0,3}(?:(?:de|del|of) )?(?<y>(?:19|20)\d{2}|\d{2}(?![:.,]\d))(?!\d)/giu,
  // 2026. október 2., 2026 m. spalio 2 d., 2026 Oct 2
  /(?<![\d.,/-])(?<y>(?:19|20)\d{2})\.? (?:m\. )?(?<name>\p{L}{3,12})\.? (?<d>\d{1,2})(?![\d:,/-]|\.\d)/giu,
  // 2026. gada 2. oktobris
  /(?<![\d.,/-])(?<y>(?:19|20)\d{2})\. gada (?<d>\d{1,2})\. (?<name>\p{L}{4,12})/giu,
  // November 21, 2026, Nov-21-2026
  /(?<!\p{L})(?<name>\p{L}{3,12})[ .-]{1,2}(?<d>\d{1,2})(?:st|nd|rd|th)?[ ,.-]{1,3}(?<y>(?:19|20)\d{2})(?!\d)/giu,
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
    const month = monthOf(groups['name'])
    return month === undefined ? undefined : checked(year, month, Number(groups['d']), false)
  }
  if (groups['m'] !== undefined) {
    return checked(year, Number(groups['m']), Number(groups['d']), false)
  }
  const a = Number(groups['a'])
  const b = Number(groups['b'])
  // Where dots are written, the day comes first.
  const dots = groups['s'] === '.'
  const ambiguous = a <= 12 && b <= 12 && a !== b && !dots
  const dayFirst = b > 12 ? false : a > 12 || dots || order === 'day-month'
  return dayFirst ? checked(year, b, a, ambiguous) : checked(year, a, b, ambiguous)
}

function checked(year: number, month: number, date: number, ambiguous: boolean): { day: string; ambiguous: boolean } | undefined {
  const time = new Date(Date.UTC(year, month - 1, date))
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === date ? { day: time.toISOString().slice(0, 10), ambiguous } : undefined
}

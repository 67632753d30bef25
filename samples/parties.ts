import type { Random } from './random.ts'

export type SampleLanguage = 'en' | 'de'

export interface SampleParty {
  readonly name: string
  readonly street: string
  readonly postcode: string
  readonly city: string
  readonly country: 'GB' | 'DE'
  readonly vatId: string
  readonly iban: string
}

const first = ['Alder', 'Bramble', 'Cobalt', 'Drift', 'Ember', 'Fathom', 'Granite', 'Harbour', 'Indigo', 'Juniper', 'Kestrel', 'Lantern', 'Meridian', 'Nimbus', 'Orchard', 'Pepper', 'Quarry', 'Rowan', 'Saffron', 'Tundra', 'Umber', 'Velvet', 'Willow', 'Zephyr']
const second: Record<SampleLanguage, readonly string[]> = {
  en: ['Supplies', 'Logistics', 'Paper Works', 'Print House', 'Catering', 'Office Goods', 'Tools', 'Workshop', 'Engineering', 'Packaging'],
  de: ['Bürobedarf', 'Werkzeuge', 'Druckhaus', 'Logistik', 'Maschinenbau', 'Großhandel', 'Verpackungen', 'Elektrotechnik', 'Küchenservice', 'Handwerk'],
}
const legal: Record<SampleLanguage, readonly string[]> = { en: ['Ltd', 'Limited', 'PLC', 'LLP'], de: ['GmbH', 'AG', 'GmbH & Co. KG', 'KG'] }
const streets: Record<SampleLanguage, readonly string[]> = {
  en: ['Mill Lane', 'Station Road', 'High Street', 'Church Row', 'Canal Walk'],
  de: ['Mühlenweg', 'Bahnhofstraße', 'Hauptstraße', 'Kirchgasse', 'Am Kanal'],
}
const cities: Record<SampleLanguage, readonly string[]> = { en: ['Leeds', 'Bristol', 'York', 'Exeter', 'Derby'], de: ['Köln', 'München', 'Kassel', 'Görlitz', 'Bremen'] }

/** A made-up company with identifiers whose checksums are right. */
export function createParty(random: Random, language: SampleLanguage): SampleParty {
  const german = language === 'de'
  return {
    name: `${random.pick(first)} ${random.pick(second[language])} ${random.pick(legal[language])}`,
    street: german ? `${random.pick(streets.de)} ${random.integer(1, 180)}` : `${random.integer(1, 180)} ${random.pick(streets.en)}`,
    postcode: german ? String(random.integer(10_000, 98_999)) : `LS${random.integer(1, 28)} ${random.integer(1, 9)}QD`,
    city: random.pick(cities[language]),
    country: german ? 'DE' : 'GB',
    vatId: german ? germanVatId(random) : britishVatId(random),
    iban: german ? iban('DE', random.digits(18)) : iban('GB', `MILR${random.digits(14)}`),
  }
}

/** ISO 13616: the two digits that make the whole 1 modulo 97. */
export function iban(country: string, account: string): string {
  const digits = `${account}${country}00`.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55))
  let rest = 0
  for (const digit of digits) {
    rest = (rest * 10 + Number(digit)) % 97
  }
  return `${country}${String(98 - rest).padStart(2, '0')}${account}`
}

/** ISO 7064 MOD 11,10 over eight digits, the first not 0. */
export function germanVatId(random: Random): string {
  const digits = `${random.integer(1, 9)}${random.digits(7)}`
  let product = 10
  for (const digit of digits) {
    const sum = (Number(digit) + product) % 10
    product = ((sum === 0 ? 10 : sum) * 2) % 11
  }
  return `DE${digits}${(11 - product) % 10}`
}

/** Weights 8 to 2, two check digits modulo 97, numbers from 1000000 to 8999999 are given out that way. */
export function britishVatId(random: Random): string {
  const digits = `${random.integer(1, 8)}${random.digits(6)}`
  let sum = 0
  for (const [n, digit] of [...digits].entries()) {
    sum += Number(digit) * (8 - n)
  }
  // Checkers disagree on a remainder of 0 (97 or 00): such a number is left out.
  return sum % 97 === 0 ? britishVatId(random) : `GB${digits}${String(97 - (sum % 97)).padStart(2, '0')}`
}

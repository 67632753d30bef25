import { createInvoice } from './invoice.ts'
import type { SampleLanguage } from './parties.ts'
import { drawInvoice, type OwnWords } from './pdf-invoice.ts'
import { createRandom } from './random.ts'
import type { SampleTruth } from './types.ts'
import { invoiceTruth } from './truth.ts'

export interface SeriesOptions {
  readonly seed: number
  readonly count: number
  readonly language: SampleLanguage
  /** What this vendor prints beside its values, where it is nothing that others print. */
  readonly words: OwnWords
  readonly now: Date
}

export interface SeriesInvoice {
  readonly bytes: Uint8Array
  readonly truth: SampleTruth
}

/** Invoices of one vendor, all in its one layout, each with values of its own. */
export async function vendorSeries({ seed, count, language, words, now }: SeriesOptions): Promise<SeriesInvoice[]> {
  const random = createRandom(seed)
  const { seller, number } = createInvoice(random, { language, now })
  const series: SeriesInvoice[] = []
  for (let n = 0; n < count; n += 1) {
    // the vendor counts on in the form its numbers have
    const own = number.replace(/\d{3,}$/, (digits) => String((Number(digits) + 7 * n + 1) % 10 ** digits.length).padStart(digits.length, '0'))
    const invoice = { ...createInvoice(random, { language, now }), seller, number: own }
    series.push({ bytes: await (await drawInvoice(createRandom(seed), invoice, { words })).save(), truth: invoiceTruth(invoice) })
  }
  return series
}

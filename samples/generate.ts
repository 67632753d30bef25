import { randomInt } from 'node:crypto'
import { AFRelationship } from 'pdf-lib'
import type { CiiProfile } from './cii.ts'
import { attachmentNames, writeCii } from './cii.ts'
import { encryptPdf } from './encrypt.ts'
import type { SampleInvoice } from './invoice.ts'
import { createInvoice, decimal } from './invoice.ts'
import { drawInvoice } from './pdf-invoice.ts'
import type { Random } from './random.ts'
import { createRandom } from './random.ts'
import { scanReceipt, scanToPdf } from './receipt.ts'
import { invoiceTruth, receiptTruth } from './truth.ts'
import type { Sample, SampleKind, SampleRoute } from './types.ts'

export interface SampleOptions {
  /** Default: another one each time. */
  readonly seed?: number
  /** Documents in all, at least 12. Default 24. */
  readonly count?: number
  /** Dates lie in the ninety days before. Default: now. */
  readonly now?: Date
}

export const sampleTenants = ['acme', 'globex'] as const
/** Nobody knows it: its document ends as a dead letter. */
export const unknownTenant = 'initech'
const minCount = 12
const routes: readonly SampleRoute[] = ['api', 'producer', 'share']

type Draft = Omit<Sample, 'tenant' | 'route' | 'expected' | 'fileName'> & { readonly extension: string }

/**
 * Documents of two tenants with known ends and known truth: every kind the pipeline has to tell apart at least once, the rest
 * invoices, receipts and e-invoices.
 */
export async function generateSamples(options: SampleOptions = {}): Promise<Sample[]> {
  const count = options.count ?? 24
  if (!Number.isInteger(count) || count < minCount) {
    throw new RangeError(`count: an integer of at least ${minCount} expected`)
  }
  const random = createRandom(options.seed ?? randomInt(2 ** 32))
  const now = options.now ?? new Date()
  const samples: Sample[] = []
  const add = (draft: Draft, placing: Partial<Pick<Sample, 'tenant' | 'route' | 'expected'>> = {}): Sample => {
    const { extension, ...rest } = draft
    const sample: Sample = {
      ...rest,
      fileName: `${String(samples.length + 1).padStart(4, '0')}-${draft.kind}.${extension}`,
      tenant: placing.tenant ?? sampleTenants[samples.length % sampleTenants.length]!,
      // Not in step with the tenants, so that every tenant comes by every way.
      route: placing.route ?? routes[Math.floor(samples.length / 2) % routes.length]!,
      expected: placing.expected ?? 'processed',
    }
    samples.push(sample)
    return sample
  }
  const cycle: readonly SampleKind[] = ['text-invoice', 'receipt', 'factur-x', 'text-invoice', 'zugferd', 'receipt', 'text-invoice', 'xml-invoice', 'scanned-invoice']
  const special = 8
  for (let n = 0; n < count - special; n += 1) {
    add(await draftOf(cycle[n % cycle.length]!, random, now))
  }
  for (const original of samples.slice(0, 2)) {
    add({ ...toDraft(original), kind: 'duplicate', duplicateOf: original.fileName }, { tenant: original.tenant, expected: 'duplicate' })
  }
  const invoice = samples[3]!
  const copy = Buffer.concat([invoice.bytes, Buffer.from('\n% sent again\n')])
  add({ ...toDraft(invoice), kind: 'resent-copy', bytes: copy, duplicateOf: invoice.fileName }, { tenant: invoice.tenant, expected: 'duplicate' })
  const shared = samples[2]!
  add({ ...toDraft(shared), kind: 'same-bytes-other-tenant' }, { tenant: sampleTenants.find((tenant) => tenant !== shared.tenant)!, expected: 'processed' })
  add(await draftOf('wrong-total', random, now), { expected: 'review' })
  add(await draftOf('corrupt-pdf', random, now), { expected: 'rejected' })
  add(await draftOf('password-pdf', random, now), { expected: 'rejected' })
  add({ ...(await draftOf('text-invoice', random, now)), kind: 'unknown-tenant' }, { tenant: unknownTenant, route: 'producer', expected: 'deadLetter' })
  return samples
}

function toDraft(sample: Sample): Draft {
  const { kind, contentType, bytes, truth } = sample
  return { kind, contentType, bytes, extension: sample.fileName.slice(sample.fileName.lastIndexOf('.') + 1), ...(truth === undefined ? {} : { truth }) }
}

async function draftOf(kind: SampleKind, random: Random, now: Date): Promise<Draft> {
  const language = random.pick(['en', 'de'] as const)
  const pdf = { kind, contentType: 'application/pdf', extension: 'pdf' }
  switch (kind) {
    case 'receipt': {
      const invoice = createInvoice(random, { language: 'en', now, maxLines: 6 })
      const format = random.pick(['jpeg', 'png'] as const)
      const bytes = await scanReceipt(random, invoice, format)
      return { kind, contentType: `image/${format}`, extension: format === 'jpeg' ? 'jpg' : 'png', bytes, truth: receiptTruth(invoice) }
    }
    case 'scanned-invoice': {
      // Recognition data is English: a German scan is for another day.
      const invoice = createInvoice(random, { language: 'en', now })
      return { ...pdf, bytes: await scanToPdf(random, await save(random, invoice)), truth: invoiceTruth(invoice) }
    }
    case 'factur-x':
    case 'zugferd': {
      const invoice = createInvoice(random, { language, now })
      return { ...pdf, bytes: await hybrid(random, invoice, kind), truth: invoiceTruth(invoice) }
    }
    case 'xml-invoice': {
      const invoice = createInvoice(random, { language, now })
      return { kind, contentType: 'application/xml', extension: 'xml', bytes: Buffer.from(writeCii(invoice, 'factur-x'), 'utf8'), truth: invoiceTruth(invoice) }
    }
    case 'wrong-total': {
      const invoice = createInvoice(random, { language, now })
      const printedGross = invoice.gross + random.integer(1, 9) * 1000 + random.integer(3, 97)
      return { ...pdf, bytes: await (await drawInvoice(random, invoice, { printedGross })).save(), truth: { ...invoiceTruth(invoice), grandTotal: decimal(printedGross) } }
    }
    case 'corrupt-pdf': {
      const bytes = Buffer.from(await save(random, createInvoice(random, { language, now })))
      // The header stays; what follows is noise: nothing in it can be found again.
      for (let at = 64; at < bytes.length; at += 1) {
        bytes[at] = random.integer(128, 255)
      }
      return { ...pdf, bytes }
    }
    case 'password-pdf':
      return { ...pdf, bytes: await encryptPdf(await save(random, createInvoice(random, { language, now })), `secret-${random.digits(8)}`) }
    default: {
      const invoice = createInvoice(random, { language, now })
      return { ...pdf, bytes: await save(random, invoice), truth: invoiceTruth(invoice) }
    }
  }
}

async function save(random: Random, invoice: SampleInvoice): Promise<Uint8Array> {
  return (await drawInvoice(random, invoice)).save()
}

async function hybrid(random: Random, invoice: SampleInvoice, profile: CiiProfile): Promise<Uint8Array> {
  const document = await drawInvoice(random, invoice)
  const stamp = new Date(`${invoice.issueDate}T08:00:00Z`)
  await document.attach(Buffer.from(writeCii(invoice, profile), 'utf8'), attachmentNames[profile], {
    mimeType: 'text/xml',
    description: 'Invoice data',
    creationDate: stamp,
    modificationDate: stamp,
    afRelationship: AFRelationship.Alternative,
  })
  return document.save()
}

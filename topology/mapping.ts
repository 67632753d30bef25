/**
 * Between the steps' domain types (`processors/types.ts`) and the records on the wire (`avro/schemas`). Values live in a
 * map by their EN 16931 name there (`seller.vatId`, `grandTotal`), so that a new field is no new schema.
 */
import type * as wire from '../avro/types.ts'
import type * as domain from '../processors/types.ts'

type Fields = { readonly [name: string]: domain.Field | undefined }
type WireFields = { [name: string]: wire.Field }

/** The XML of an e-invoice has no pages: 0 in the domain, null on the wire. */
const NO_PAGE = 0

export function toWireExtraction(extraction: domain.Extraction): wire.Extraction {
  const { seller, buyer, ...plain } = extraction.fields
  return {
    fields: { ...wireFields(plain as Fields), ...wireFields(seller as Fields, 'seller.'), ...wireFields(buyer as Fields, 'buyer.') },
    lineItems: extraction.lines.map((line) => ({ fields: wireFields(line as Fields) })),
    taxLines: extraction.taxes.map((line) => ({ fields: wireFields(line as Fields) })),
    extractor: extraction.extractorVersion,
  }
}

/** The inverse; `truncated` is not on the wire: it has become a review reason by then. */
export function fromWireExtraction(extraction: wire.Extraction): domain.Extraction {
  const plain: { [name: string]: domain.Field } = {}
  const seller: { [name: string]: domain.Field } = {}
  const buyer: { [name: string]: domain.Field } = {}
  for (const [name, field] of Object.entries(extraction.fields)) {
    if (name.startsWith('seller.')) {
      seller[name.slice('seller.'.length)] = fromWireField(field)
    } else if (name.startsWith('buyer.')) {
      buyer[name.slice('buyer.'.length)] = fromWireField(field)
    } else {
      plain[name] = fromWireField(field)
    }
  }
  return {
    fields: { ...plain, seller, buyer },
    lines: extraction.lineItems.map((line) => domainFields(line.fields)),
    taxes: extraction.taxLines.map((line) => domainFields(line.fields)),
    extractorVersion: extraction.extractor,
    truncated: false,
  }
}

export function toWireClassification(classification: domain.Classification): wire.Classification {
  return {
    type: classification.type,
    probability: classification.probability,
    model: `${classification.method} ${classification.modelVersion}`,
    pinned: classification.method === 'pinned',
  }
}

export function fromWireClassification(classification: wire.Classification): domain.Classification {
  const [method = 'words', ...version] = classification.model.split(' ')
  return {
    type: classification.type,
    probability: classification.probability,
    method: method as domain.Classification['method'],
    modelVersion: version.join(' '),
  }
}

export function toWireValidation(validation: domain.Validation): wire.Validation {
  return {
    passed: validation.valid,
    ruleSet: validation.ruleSetId,
    version: String(validation.ruleSetVersion),
    results: validation.results.map((result) => ({
      rule: result.ruleId,
      version: String(result.ruleVersion),
      outcome: result.outcome === 'not-applicable' ? 'skipped' : result.outcome,
      severity: result.severity,
      fields: [...result.fields],
      message: result.message,
    })),
  }
}

export function toWireEnrichment(enrichment: domain.Enrichment, extraction: domain.Extraction): wire.Enrichment {
  const { vendor, base } = enrichment
  const currency = extraction.fields.currency?.normalised
  return {
    vendor: vendor === undefined ? null : { vendorId: vendor.vendorId, name: vendor.name, by: vendor.matchedBy, score: vendor.confidence },
    purchaseOrder: null,
    conversion:
      base === undefined || currency === undefined
        ? null
        : { from: currency, to: base.currency, rate: base.rate, date: base.rateDate, total: base.grandTotal },
    personal: [],
  }
}

export function toWireReason(failure: domain.Failure): wire.Reason {
  return {
    code: failure.code,
    message: failure.reason,
    field: failure.field,
    limit: failure.limit === undefined ? null : String(failure.limit),
  }
}

function wireFields(fields: Fields, prefix = ''): WireFields {
  const result: WireFields = {}
  for (const [name, field] of Object.entries(fields)) {
    if (field !== undefined) {
      const { page, box, method } = field.provenance
      result[prefix + name] = {
        value: field.value,
        normalised: field.normalised,
        confidence: field.confidence,
        provenance: { page: page === NO_PAGE ? null : page, box: box ?? null, method },
      }
    }
  }
  return result
}

function fromWireField(field: wire.Field): domain.Field {
  const { provenance } = field
  return {
    value: field.value ?? '',
    normalised: field.normalised ?? '',
    confidence: field.confidence,
    provenance: {
      page: provenance?.page ?? NO_PAGE,
      ...(provenance?.box ? { box: provenance.box } : {}),
      method: (provenance?.method ?? 'rule') as domain.ProvenanceMethod,
    },
  }
}

const domainFields = (fields: WireFields): { [name: string]: domain.Field } =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fromWireField(field)]))

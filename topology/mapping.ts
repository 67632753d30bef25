/**
 * Between the steps' domain types (`processors/types.ts`) and the records on the wire (`avro/schemas`). Values live in a
 * map by their EN 16931 name there (`seller.vatId`, `grandTotal`), so that a new field is no new schema.
 */
import { storableJson, storableText } from '../connectors/index.ts'
import type * as wire from '../avro/types.ts'
import type { DocumentRow } from '../processors/lifecycle/index.ts'
import type * as domain from '../processors/types.ts'

type Fields = { readonly [name: string]: domain.Field | undefined }
type WireFields = { [name: string]: wire.Field }

/** The XML of an e-invoice has no pages: 0 in the domain, null on the wire. */
const NO_PAGE = 0

export function toWireExtraction(extraction: domain.Extraction): wire.Extraction {
  const { seller, buyer, payee, taxRepresentative, deliverTo, ...plain } = extraction.fields
  const parties = Object.entries({ seller, buyer, payee, taxRepresentative, deliverTo })
  return {
    fields: Object.assign(wireFields(plain as Fields), ...parties.map(([name, party]) => wireFields((party ?? {}) as Fields, `${name}.`))) as WireFields,
    lineItems: extraction.lines.map((line) => ({ fields: wireFields(line as Fields) })),
    taxLines: extraction.taxes.map((line) => ({ fields: wireFields(line as Fields) })),
    adjustments: (extraction.adjustments ?? []).map((one) => ({ fields: wireFields(one as Fields) })),
    extractor: extraction.extractorVersion,
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

export function toWireReason(failure: Omit<domain.Failure, 'code'> & { readonly code: string }): wire.Reason {
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

/** Both stores' columns. What the columns do not name is in the JSON ones. */
export function toWireRow(row: DocumentRow, pipelineVersion: string): wire.DocumentRow {
  return {
    tenant_id: row.tenantId,
    document_id: row.documentId,
    revision: row.revision,
    day: new Date(row.receivedAt).toISOString().slice(0, 10),
    received_at: row.receivedAt,
    processed_at: row.updatedAt,
    status: row.status,
    source: row.source ?? '',
    file_name: storable(row.fileName),
    content_type: storable(row.contentType),
    size: row.size ?? 0,
    sha256: storable(row.sha256),
    content: row.contentReference,
    language: storable(row.language),
    route: row.textRoute,
    page_count: row.pages,
    type: row.type,
    probability: row.typeProbability,
    vendor: storable(row.sellerName),
    vendor_id: storable(row.vendorId),
    number: storable(row.invoiceNumber),
    date: storable(row.issueDate),
    due_date: storable(row.dueDate),
    currency: storable(row.currency),
    subtotal: storable(row.taxBasisTotal),
    tax: storable(row.taxTotal),
    total: storable(row.grandTotal),
    fields: storableJsonText(row.fields),
    line_items: storableJsonText(row.lines),
    validation: storableJsonText(row.validation),
    enrichment: storableJsonText(row.enrichment),
    duplicate_of: row.duplicateOf,
    reason_code: storable(row.statusReason),
    reason: storable(row.reviewReasons ?? row.failure ?? row.duplicateEvidence),
    pipeline_version: pipelineVersion,
    versions: storableJsonText(row.versions),
    corrections: storableJsonText(row.corrections),
    page_sizes: row.pageSizes,
    parent_id: row.parentId,
    part: storable(row.part),
    part_count: row.parts,
  }
}

const storable = (text: string | null): string | null => (text === null ? null : storableText(text))

const storableJsonText = (json: string | null): string | null => (json === null ? null : storableJson(JSON.parse(json)))

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FileAuthenticator, ROLES, type Role } from '../../api/authenticator.ts'
import type { ApiContext } from '../../api/context.ts'
import { Serialised } from '../../api/idempotency.ts'
import { RateLimit } from '../../api/rate-limit.ts'
import type { RawRecord } from '../../api/raw-producer.ts'
import type { Tenant } from '../../avro/index.ts'
import type { DocumentSummary, Grant, Hit, ReviewOptions, SearchOptions, StoredDocument, StoredLifecycleEvent, TakenCorrection, TakenDocument, WaitingDocument } from '../../connectors/index.ts'
import { openFolderContentStore } from '../../content/index.ts'
import type { VendorGroup } from '../../topology/vendor-memories.ts'

export const TOKEN = 'token-of-acme'

export function tenant(tenantId: string, part: Partial<Tenant> = {}): Tenant {
  return {
    tenantId, name: tenantId, active: true, documentsPerMinute: 1_000, maximumBytes: 1_000_000, maximumPages: 500, duplicatePolicy: 'link', duplicateDays: 365,
    ruleSet: null, promptSet: null, pinnedType: null, languages: ['en'], dateOrder: 'dmy', currency: 'EUR', reviewThreshold: 0.5, retentionDays: 3650,
    ...part,
  }
}

/** The buckets of a database in memory, where time passes when it is told to. */
export class Buckets {
  now = 0
  asked = 0
  readonly #buckets = new Map<string, { level: number; at: number }>()

  async take(tenantId: string, perMinute: number, wanted: number): Promise<Grant> {
    this.asked += 1
    const { level: before, at } = this.#buckets.get(tenantId) ?? { level: perMinute, at: this.now }
    const filled = Math.min(perMinute, before + ((this.now - at) * perMinute) / 60_000)
    const granted = Math.min(wanted, Math.floor(filled))
    this.#buckets.set(tenantId, { level: filled - granted, at: this.now })
    return { granted, level: filled - granted }
  }
}

/** The API's surroundings in memory; the content store is the real one. What each would do wrong is a field. */
export async function surroundings(folder: string, tenants: readonly Tenant[]) {
  const tokens: { tenantId: string; sha256: string; roles?: readonly Role[] }[] = tenants.map(({ tenantId }) => ({ tenantId, sha256: createHash('sha256').update(`token-of-${tenantId}`).digest('hex') }))
  tokens.push(...tenants.flatMap(({ tenantId }) => ROLES.map((role) => ({ tenantId, sha256: createHash('sha256').update(`${role}-of-${tenantId}`).digest('hex'), roles: [role] }))))
  // a token whose tenant is not in the table
  tokens.push({ tenantId: 'nobody', sha256: createHash('sha256').update('token-of-nobody').digest('hex') })
  const tokensFile = join(folder, 'tokens.json')
  writeFileSync(tokensFile, JSON.stringify(tokens))
  const rows = new Map<string, TakenDocument & { key: string | undefined }>()
  const records: RawRecord[] = []
  const decided: RawRecord[] = []
  const corrections = new Map<string, TakenCorrection & { tenantId: string; key: string | undefined }>()
  const buckets = new Buckets()
  const remembered = new Map<string, VendorGroup[]>()
  const erasures: RawRecord[] = []
  const reviews: ReviewOptions[] = []
  const waiting = new Map<string, WaitingDocument[]>()
  const ended = new Map<string, StoredDocument>()
  const events = new Map<string, StoredLifecycleEvent[]>()
  const hits = new Map<string, Hit[]>()
  const searches: (SearchOptions & { readonly tenantId: string })[] = []
  const failing: { [part in 'kafka' | 'database' | 'memory' | 'rate']?: Error } = {}
  const errors: string[] = []
  const guard = (part: keyof typeof failing): void => {
    const error = failing[part]
    if (error !== undefined) {
      throw error
    }
  }
  const context: ApiContext = {
    authenticator: new FileAuthenticator(tokensFile),
    tenants: { get: (id) => tenants.find(({ tenantId }) => tenantId === id) },
    rate: new RateLimit({
      async take(tenantId, perMinute, wanted) {
        guard('rate')
        return await buckets.take(tenantId, perMinute, wanted)
      },
    }),
    serialised: new Serialised(),
    content: await openFolderContentStore({ path: join(folder, 'content') }),
    intake: {
      async take(tenantId, key, documents) {
        guard('database')
        const before = key === undefined ? [] : [...rows.entries()].filter(([id, row]) => id.startsWith(`${tenantId}|`) && row.key === key).map(([, row]) => row)
        if (before.length > 0) {
          return before.length === documents.length && before.every((row, index) => row.sha256 === documents[index]!.sha256) ? before : 'conflict'
        }
        return documents.map((document) => {
          const row = { ...document, produced: false, key }
          rows.set(`${tenantId}|${document.documentId}`, row)
          return row
        })
      },
      async markProduced(tenantId, ids) {
        guard('database')
        for (const id of ids) {
          rows.set(`${tenantId}|${id}`, { ...rows.get(`${tenantId}|${id}`)!, produced: true })
        }
      },
      async get(tenantId, id) {
        guard('database')
        const row = rows.get(`${tenantId}|${id}`)
        return row?.produced ? row : undefined
      },
      async overview(): Promise<{ documents: DocumentSummary[]; cursor: undefined }> {
        guard('database')
        return { documents: [], cursor: undefined }
      },
    },
    documents: {
      async get(tenantId, id) {
        guard('database')
        return ended.get(`${tenantId}|${id}`)
      },
      async parts(tenantId, id) {
        guard('database')
        return [...ended.values()].filter((one) => one.tenantId === tenantId && one.parentId === id)
      },
      async review(tenantId, options) {
        reviews.push(options)
        return { documents: waiting.get(tenantId) ?? [], cursor: undefined }
      },
    },
    corrections: {
      async find(tenantId, key) {
        guard('database')
        return [...corrections.values()].find((one) => one.tenantId === tenantId && one.key === key)
      },
      async take(tenantId, key, correction) {
        const id = `${tenantId}|${correction.documentId}|${correction.baseRevision}`
        if (corrections.has(id)) {
          return false
        }
        corrections.set(id, { ...correction, produced: false, tenantId, key })
        return true
      },
      async markProduced(tenantId, { documentId, baseRevision }) {
        const id = `${tenantId}|${documentId}|${baseRevision}`
        corrections.set(id, { ...corrections.get(id)!, produced: true })
      },
    },
    search: {
      async search(tenantId, options) {
        guard('database')
        searches.push({ tenantId, ...options })
        return { hits: hits.get(tenantId) ?? [], cursor: undefined }
      },
    },
    models: {},
    archive: { lifecycle: async (tenantId, id) => events.get(`${tenantId}|${id}`) ?? [] },
    producer: {
      async send(sent) {
        guard('kafka')
        records.push(...sent)
      },
    },
    correctionProducer: {
      async send(sent) {
        guard('kafka')
        decided.push(...sent)
      },
    },
    correction: { serialize: (_topic, value) => Buffer.from(JSON.stringify(value)) },
    correctionsTopic: 'documents.corrections',
    vendorMemories: {
      async of(tenantId) {
        guard('memory')
        return remembered.get(tenantId) ?? []
      },
    },
    erasureProducer: {
      async send(sent) {
        guard('kafka')
        erasures.push(...sent)
      },
    },
    erasure: { serialize: (_topic, value) => Buffer.from(JSON.stringify(value)) },
    erasuresTopic: 'vendor-memory.erasures',
    pages: {
      async draw({ page, turned }) {
        return page === 2 ? { ok: false, failure: { code: 'CORRUPT', field: 'content', reason: 'a page that cannot be drawn' } } : { ok: true, value: { bytes: Buffer.from(`page ${page} turned by ${turned}`), width: 1, height: 1 } }
      },
    },
    received: { serialize: (_topic, value) => Buffer.from(JSON.stringify(value)) },
    rawTopic: 'documents.raw',
    maximumBytes: 100_000,
    onError: (message) => errors.push(message),
  }
  return { context, rows, records, decided, remembered, erasures, corrections, reviews, waiting, ended, events, failing, errors, hits, searches }
}

import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { DocumentCorrection } from '../../avro/index.ts'
import type { StoredDocument } from '../../connectors/index.ts'
import { checkChanges, DUPLICATE_OF, LIKENESS_REASONS, maxChanges, mayDecide, type WantedChange } from '../../topology/corrections.ts'
import { documentKey, isDocumentId } from '../../topology/topics.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { documentIdFor, idempotencyKey } from '../idempotency.ts'
import { MAXIMUM_CORRECTION_BYTES } from '../limits.ts'
import { postCorrection } from '../schemas.ts'
import { knownId } from './documents.ts'

type Decision = DocumentCorrection['decision']

interface Wanted {
  readonly revision: number
  readonly decision: Decision
  readonly changes: readonly WantedChange[]
}

/**
 * What a person decided about a document: a row to PostgreSQL, a record to Kafka, and only then the answer, as for uploads. The revision they
 * saw must be the one there is: of two people who correct the same one, the first is taken.
 */
export function correctionRoute(app: FastifyInstance, context: ApiContext): void {
  const { serialised, corrections } = context
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: MAXIMUM_CORRECTION_BYTES }, (_request, body, done) => done(null, body))
  app.addContentTypeParser('*', (_request, _payload, done) => done(new ApiError('JSON_EXPECTED', { field: 'Content-Type', limit: 'application/json' })))

  app.post<{ readonly Params: { readonly documentId: string } }>('/v1/documents/:documentId/corrections', { schema: postCorrection, config: { role: 'reviewer' } }, async (request, reply) => {
    const { tenantId } = request
    const documentId = knownId(request.params.documentId)
    const key = idempotencyKey(request.headers['idempotency-key'])
    const body = bodyOf(request)
    const sha256 = createHash('sha256').update(`${documentId}\n`).update(body).digest('hex')
    const correctionId = documentIdFor(tenantId, key === undefined ? undefined : `correction\n${key}`, 0)
    reply.code(202)
    return await serialised.run(key === undefined ? undefined : `${tenantId}\ncorrection\n${key}`, async () => {
      const before = key === undefined ? undefined : await corrections.find(tenantId, key)
      if (before !== undefined && before.sha256 !== sha256) {
        throw new ApiError('IDEMPOTENCY_CONFLICT', { field: 'Idempotency-Key' })
      }
      const wanted = wantedIn(body)
      if (before?.produced !== true) {
        const correction = before === undefined ? await take(request, context, { documentId, correctionId, key, sha256, wanted }) : recordOf(request, before, wanted, wanted.changes)
        await produce(context, correction)
      }
      return { correctionId, documentId, baseRevision: wanted.revision, decision: wanted.decision, links: { document: `/v1/documents/${documentId}` } }
    })
  })
}

interface Request {
  readonly documentId: string
  readonly correctionId: string
  readonly key: string | undefined
  readonly sha256: string
  readonly wanted: Wanted
}

/** Checks it against the document as it is, and keeps it for this revision. */
async function take(request: FastifyRequest, context: ApiContext, { documentId, correctionId, key, sha256, wanted }: Request): Promise<DocumentCorrection> {
  const { tenantId } = request
  const document = await context.documents.get(tenantId, documentId)
  if (document === undefined) {
    throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
  }
  const changes = checked(document, wanted)
  if (wanted.decision === 'duplicate') {
    await requireOriginal(context, document, wanted)
  }
  const taken = { documentId, baseRevision: wanted.revision, correctionId, sha256, by: request.user, at: Date.now() }
  if (!(await context.corrections.take(tenantId, key, taken))) {
    throw new ApiError('REVISION_STALE', { field: 'revision' })
  }
  return recordOf(request, taken, wanted, changes)
}

function checked(document: StoredDocument, { revision, decision, changes }: Wanted): DocumentCorrection['changes'] {
  const copy = document.duplicateOf !== null || (document.reasonCode ?? '').split(',').some((code) => LIKENESS_REASONS.has(code))
  if (!mayDecide(decision, { state: document.status, understood: document.fields !== null, copy })) {
    throw new ApiError('NOT_CORRECTABLE', { field: 'decision', limit: document.status })
  }
  if (document.revision !== revision) {
    throw new ApiError('REVISION_STALE', { field: 'revision', limit: document.revision })
  }
  if (decision !== 'correct') {
    return changes.map(({ field, to }) => ({ field, from: document.duplicateOf, to }))
  }
  const result = checkChanges(document, changes)
  if (!result.ok) {
    const { index, part, limit } = result.problem
    throw new ApiError('CORRECTION_INVALID', { field: index === undefined ? part : `changes[${index}].${part}`, limit })
  }
  return result.changes
}

/** A copy of a copy, or of what never became a record, would lead nowhere. */
async function requireOriginal({ documents }: ApiContext, { tenantId, documentId }: StoredDocument, { changes }: Wanted): Promise<void> {
  const { to } = changes[0]!
  const original = to === documentId ? undefined : await documents.get(tenantId, to!)
  if (original?.status !== 'ARCHIVED' && original?.status !== 'IN_REVIEW') {
    throw new ApiError('CORRECTION_INVALID', { field: DUPLICATE_OF, limit: 'the documentId of another document of this tenant that is archived or in review' })
  }
}

type Taken = Pick<DocumentCorrection, 'documentId' | 'baseRevision' | 'correctionId' | 'by' | 'at'>

function recordOf({ tenantId }: FastifyRequest, { documentId, baseRevision, correctionId, by, at }: Taken, { decision }: Wanted, changes: readonly (WantedChange & { readonly from?: string | null })[]): DocumentCorrection {
  return { tenantId, documentId, by, at, baseRevision, changes: changes.map(({ field, from, to }) => ({ field, from: from ?? null, to })), correctionId, decision }
}

async function produce({ correctionProducer, correction, correctionsTopic, corrections }: ApiContext, value: DocumentCorrection): Promise<void> {
  const { tenantId, documentId, at } = value
  await correctionProducer.send([{ key: Buffer.from(documentKey(tenantId, documentId)), value: correction.serialize(correctionsTopic, value), timestamp: at }])
  await corrections.markProduced(tenantId, value)
}

function bodyOf({ body }: FastifyRequest): Buffer {
  if (!Buffer.isBuffer(body)) {
    throw new ApiError('JSON_EXPECTED', { field: 'Content-Type', limit: 'application/json' })
  }
  return body
}

const DECISIONS: readonly unknown[] = ['correct', 'accept', 'reject', 'duplicate', 'not-duplicate'] satisfies Decision[]
const KEYS: ReadonlySet<string> = new Set(['revision', 'decision', 'changes', DUPLICATE_OF])

/** @throws ApiError JSON_INVALID naming what is wrong */
function wantedIn(body: Buffer): Wanted {
  const invalid = (field: string, limit: string | number): ApiError => new ApiError('JSON_INVALID', { field, limit })
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch {
    throw invalid('body', 'JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || Object.keys(parsed).some((name) => !KEYS.has(name))) {
    throw invalid('body', `an object of ${[...KEYS].join(', ')}`)
  }
  const { revision, decision = 'correct', changes = [], duplicateOf } = parsed as { readonly [name in 'revision' | 'decision' | 'changes' | typeof DUPLICATE_OF]?: unknown }
  if (!Number.isSafeInteger(revision) || (revision as number) < 1) {
    throw invalid('revision', 'the revision of the document as a whole number')
  }
  if (!DECISIONS.includes(decision)) {
    throw invalid('decision', DECISIONS.join(', '))
  }
  if (!Array.isArray(changes) || changes.length > maxChanges || (decision !== 'correct' && changes.length > 0)) {
    throw invalid('changes', decision === 'correct' ? `a list of 1 to ${maxChanges}` : 'none')
  }
  if (decision === 'duplicate' ? typeof duplicateOf !== 'string' || !isDocumentId(duplicateOf) : duplicateOf !== undefined) {
    throw invalid(DUPLICATE_OF, decision === 'duplicate' ? 'the documentId of the original' : 'none')
  }
  if (decision === 'duplicate') {
    return { revision: revision as number, decision, changes: [{ field: DUPLICATE_OF, to: duplicateOf as string }] }
  }
  return { revision: revision as number, decision: decision as Decision, changes: changes.map((change: unknown, index) => changeIn(change, index, invalid)) }
}

function changeIn(change: unknown, index: number, invalid: (field: string, limit: string) => ApiError): WantedChange {
  const { field, to } = (change ?? {}) as { readonly field?: unknown; readonly to?: unknown }
  if (typeof field !== 'string' || field.length > 200) {
    throw invalid(`changes[${index}].field`, 'the name of a field')
  }
  if (to !== null && typeof to !== 'string') {
    throw invalid(`changes[${index}].to`, 'a text, or null for a field that the document does not have')
  }
  return { field, to }
}

import { DEAD_LETTER_HEADERS, type Headers, type Processor, type ProcessorContext, type Record, type Serde, SerdeNotReady } from 'millrace'
import type { DocumentReceived } from '../../avro/types.ts'
import type { DocumentHeader } from '../../processors/lifecycle/index.ts'
import type { Did } from '../flow.ts'
import { documentKey, isDocumentId, isMoment, isTenantId } from '../topics.ts'
import { headerOf } from './receive.ts'

/** Operators without which a document goes nowhere. What others give up (a lesson, a rule set, a correction) ends no document. */
const STEPS: ReadonlySet<string> = new Set(['receive', 'dedupe', 'unfold', 'text', 'recognise', 'extract', 'model', 'validate', 'enrich', 'second-look', 'similar-text', 'lifecycle'])

/** Whether a letter is that of a document, which ends with it. */
export const endsDocument = (headers: Headers): boolean => STEPS.has(written(headers, DEAD_LETTER_HEADERS.node) ?? '')

/** What the record of a dead letter says of its document. */
export interface Lost {
  readonly header?: DocumentHeader
  /** It was the document's end that could not be written. */
  readonly ended: boolean
}

/**
 * Dead letters of our own steps. Those of `receive` are records as they were sent, all others JSON with the document's header in it; what is
 * neither says nothing. It writes nothing: letters are the engine's.
 */
export function lostSerde(received: Serde<DocumentReceived>): Serde<Lost> {
  return {
    serialize: () => {
      throw new TypeError('Dead letters are written by the engine only.')
    },
    deserialize: (topic, bytes, headers) => {
      try {
        const asSent = written(headers, DEAD_LETTER_HEADERS.node) === 'receive'
        const said: { readonly header?: unknown; readonly to?: unknown } = asSent
          ? { header: headerOf(received.deserialize(topic, bytes, headers)) }
          : JSON.parse(Buffer.from(bytes).toString('utf8'))
        const { header, to } = said
        return { ...(isHeader(header) ? { header } : {}), ended: to === 'DEAD_LETTERED' }
      } catch (error) {
        if (error instanceof SerdeNotReady) {
          throw error
        }
        return { ended: false }
      }
    },
    open: async () => await received.open?.(),
  }
}

/**
 * A document that a step gave up for good ends as dead-lettered: lifecycle says so, with the step and the cause, and both databases get its
 * row. That end itself is tried once: what cannot be written twice stays a dead letter.
 * @param rawTopic whose records name their document by their key; behind a dot, the topics of tenants
 */
export function endDeadLettered(rawTopic: string): Processor<Uint8Array | null, Lost | null, string, Did> {
  let context: ProcessorContext<string, Did>
  return {
    init(given) {
      context = given
    },
    process({ key, value, timestamp, headers }: Record<Uint8Array | null, Lost | null>) {
      if (!endsDocument(headers) || value?.ended === true) {
        return
      }
      const document = documentOf(key === null ? '' : Buffer.from(key).toString('utf8'), value?.header, tenantOfTopic(headers, rawTopic))
      if (document === undefined) {
        return
      }
      const at = context.currentSystemTimeMs()
      const header = value?.header ?? { source: '', fileName: '', contentType: '', size: 0, sha256: '', receivedAt: isMoment(timestamp) ? timestamp : at }
      const where = [DEAD_LETTER_HEADERS.sink, DEAD_LETTER_HEADERS.field].flatMap((name) => written(headers, name) ?? [])
      context.forward({
        key: documentKey(document.tenantId, document.documentId),
        value: {
          did: {
            step: written(headers, DEAD_LETTER_HEADERS.node)!, at, to: 'DEAD_LETTERED', header: { ...header, ...document },
            code: written(headers, DEAD_LETTER_HEADERS.code) ?? 'UNKNOWN', ...(where.length === 0 ? {} : { where: where.join(': ') }),
          },
        },
        timestamp,
        headers: [],
      })
    },
  }
}

/** Of what the engine wrote, behind the headers that the record came with: what a sender calls by the same names never counts. */
function written(headers: Headers, name: string): string | undefined {
  const begin = headers.findLastIndex(({ key }) => key === DEAD_LETTER_HEADERS.exception)
  const value = begin < 0 ? undefined : headers.slice(begin).find(({ key }) => key === name)?.value
  return value === undefined || value === null ? undefined : Buffer.from(value).toString('utf8')
}

const TEXTS = ['tenantId', 'documentId', 'source', 'fileName', 'contentType', 'sha256'] as const satisfies readonly (keyof DocumentHeader)[]

/** A letter may be of another application, or of nobody: what is no whole header says nothing, and must not end the thread that writes rows. */
function isHeader(said: unknown): said is DocumentHeader {
  const header = (said ?? {}) as Partial<DocumentHeader>
  const { size, receivedAt } = header
  return TEXTS.every((name) => typeof header[name] === 'string') && Number.isSafeInteger(size) && Number.isSafeInteger(receivedAt) && isMoment(receivedAt!)
}

/** A topic of a tenant is the tenant, whatever the record says. */
function tenantOfTopic(headers: Headers, rawTopic: string): string | undefined {
  const topic = written(headers, DEAD_LETTER_HEADERS.topic)
  const asSent = written(headers, DEAD_LETTER_HEADERS.raw) === 'source' && topic?.startsWith(`${rawTopic}.`) === true
  return asSent ? topic.slice(rawTopic.length + 1) : undefined
}

/** Keys are the document's everywhere but behind the repartitions by content, by invoice and by tenant; there the record names it. */
function documentOf(key: string, header: DocumentHeader | undefined, topicTenant: string | undefined): Pick<DocumentHeader, 'tenantId' | 'documentId'> | undefined {
  const [tenantId = '', documentId = ''] = key.split('|')
  const byKey = { tenantId, documentId }
  const named = topicTenant === undefined ? (isDocumentId(documentId) ? byKey : header) : { tenantId: topicTenant, documentId: header?.documentId ?? '' }
  return named !== undefined && isTenantId(named.tenantId) && isDocumentId(named.documentId) ? { tenantId: named.tenantId, documentId: named.documentId } : undefined
}

import type { AsyncProcessor, ProcessorContext, Record } from 'millrace'
import type { PageSize } from '../../processors/lifecycle/index.ts'
import type { DocumentText, Outcome, TextPage } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import type { Services } from '../services.ts'
import { keepLargeText } from './document-text.ts'
import type { StoredDocument } from './receive.ts'

/** `text === undefined`: it must be recognised first. */
export interface ReadDocument {
  readonly stored: StoredDocument
  readonly text: DocumentText | undefined
  /** Where the pages lie when a record cannot carry them. */
  readonly textReference?: string
}

interface Read {
  readonly outcome: Outcome<DocumentText>
  readonly textReference?: string
}

type Step<Result> = AsyncProcessor<string, StoredDocument, StoredDocument, Result, Flow<ReadDocument>>

/** E-invoice and text layer; says which documents are scans. */
export function readText(services: Services): Step<Read | 'scan'> {
  return {
    call: async (stored, { signal }) => {
      const outcome = await services.reader.readText(await bytesOf(services, stored), { signal })
      return outcome === 'scan' ? outcome : await withReference(services, stored, outcome)
    },
    complete: (read, record, context) => {
      if (read === 'scan') {
        context.forward({ ...record, value: { next: { stored: record.value, text: undefined } } })
      } else {
        forwardText('text', read, record, context)
      }
    },
  }
}

/** Optical character recognition, the slow one. */
export function recognise(services: Services): Step<Read> {
  return {
    call: async (stored, { signal }) => withReference(services, stored, await services.reader.read(await bytesOf(services, stored), { signal })),
    complete: (read, record, context) => forwardText('recognise', read, record, context),
  }
}

async function withReference(services: Services, { header }: StoredDocument, outcome: Outcome<DocumentText>): Promise<Read> {
  const textReference = outcome.ok ? await keepLargeText(services, header.tenantId, outcome.value) : undefined
  return textReference === undefined ? { outcome } : { outcome, textReference }
}

async function bytesOf(services: Services, { header }: StoredDocument): Promise<Uint8Array> {
  const content = await services.content()
  return content.get(header.tenantId, header.contentReference!)
}

const sizeOf = ({ width, height, turned }: TextPage): PageSize => ({ width, height, ...(turned === undefined || turned === 0 ? {} : { turned }) })

function forwardText(step: string, { outcome, ...kept }: Read, record: Record<string, StoredDocument>, context: ProcessorContext<string, Flow<ReadDocument>>): void {
  const event = { step, at: context.currentSystemTimeMs() }
  if (!outcome.ok) {
    // what receive could open and nobody can read is a person's to look at
    context.forward({ ...record, value: { did: { ...event, to: 'IN_REVIEW', reasons: [{ code: outcome.failure.code, step: 'text', subject: outcome.failure.field }] } } })
    return
  }
  const { value: text } = outcome
  const summary = { route: text.route, language: text.language, pages: text.pages.length, sizes: text.pages.map(sizeOf), quality: text.quality, version: `${text.engine} ${text.engineVersion} ${text.dataVersion}` }
  context.forward({ ...record, value: { did: { ...event, to: 'TEXT_READ', text: summary } } })
  context.forward({ ...record, value: { next: { stored: record.value, text, ...kept } } })
}

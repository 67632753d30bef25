import type { AsyncProcessor, ProcessorContext, Record } from 'millrace'
import type { PageSize } from '../../processors/lifecycle/index.ts'
import type { DocumentText, Outcome, TextPage } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import type { Services } from '../services.ts'
import type { StoredDocument } from './receive.ts'

/** `text === undefined`: it must be recognised first. */
export interface ReadDocument {
  readonly stored: StoredDocument
  readonly text: DocumentText | undefined
}

type Step<Result> = AsyncProcessor<string, StoredDocument, StoredDocument, Result, Flow<ReadDocument>>

/** E-invoice and text layer; says which documents are scans. */
export function readText(services: Services): Step<Outcome<DocumentText> | 'scan'> {
  return {
    call: async (stored, { signal }) => services.reader.readText(await bytesOf(services, stored), { signal }),
    complete: (outcome, record, context) => {
      if (outcome === 'scan') {
        context.forward({ ...record, value: { next: { stored: record.value, text: undefined } } })
      } else {
        forwardText('text', outcome, record, context)
      }
    },
  }
}

/** Optical character recognition, the slow one. */
export function recognise(services: Services): Step<Outcome<DocumentText>> {
  return {
    call: async (stored, { signal }) => services.reader.read(await bytesOf(services, stored), { signal }),
    complete: (outcome, record, context) => forwardText('recognise', outcome, record, context),
  }
}

async function bytesOf(services: Services, { header }: StoredDocument): Promise<Uint8Array> {
  const content = await services.content()
  return content.get(header.tenantId, header.contentReference!)
}

const sizeOf = ({ width, height, turned }: TextPage): PageSize => ({ width, height, ...(turned === undefined || turned === 0 ? {} : { turned }) })

function forwardText(step: string, outcome: Outcome<DocumentText>, record: Record<string, StoredDocument>, context: ProcessorContext<string, Flow<ReadDocument>>): void {
  const event = { step, at: context.currentSystemTimeMs() }
  if (!outcome.ok) {
    // what receive could open and nobody can read is a person's to look at
    context.forward({ ...record, value: { did: { ...event, to: 'IN_REVIEW', reasons: [{ code: outcome.failure.code, step: 'text', subject: outcome.failure.field }] } } })
    return
  }
  const { value: text } = outcome
  const summary = { route: text.route, language: text.language, pages: text.pages.length, sizes: text.pages.map(sizeOf), quality: text.quality, version: `${text.engine} ${text.engineVersion} ${text.dataVersion}` }
  context.forward({ ...record, value: { did: { ...event, to: 'TEXT_READ', text: summary } } })
  context.forward({ ...record, value: { next: { stored: record.value, text } } })
}

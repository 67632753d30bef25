import { countParts, unfold } from '../containers/index.ts'
import { succeed } from '../failure.ts'
import { serve } from '../pool/process.ts'
import type { Outcome } from '../types.ts'
import { recogniseEInvoice } from './e-invoice.ts'
import { readFlow } from './formats.ts'
import type { Inspection, ParseResult, ParseTask } from './messages.ts'
import { inspectPdf, readPdf } from './pdf.ts'
import { inspectImage } from './picture.ts'

/** The process that meets a document's bytes first, whatever they are. */
async function handle(task: ParseTask): Promise<ParseResult> {
  switch (task.do) {
    case 'inspect':
      return inspect(task)
    case 'read-pdf':
      return readPdf(task.bytes, task.bounds)
    case 'read-xml':
      return recogniseEInvoice(task.bytes, task.bounds)
    case 'read-flow':
      return readFlow(task.kind, task.bytes, task.bounds)
    case 'unfold':
      return unfold(task.kind, task.bytes, task.from, task.bounds)
  }
}

async function inspect({ kind, bytes, bounds }: Extract<ParseTask, { do: 'inspect' }>): Promise<Outcome<Inspection>> {
  switch (kind) {
    case 'pdf':
      return inspectPdf(bytes, bounds)
    case 'image':
      return inspectImage(bytes, bounds)
    case 'xml': {
      const invoice = recogniseEInvoice(bytes, bounds)
      return invoice.ok ? succeed({ pages: 0, parts: 0 }) : invoice
    }
    case 'zip': {
      const parts = countParts(kind, bytes, bounds)
      return parts.ok ? succeed({ pages: 0, parts: parts.value }) : parts
    }
    default: {
      const pages = readFlow(kind, bytes, bounds)
      if (!pages.ok) {
        return pages
      }
      const parts = kind === 'mail' ? countParts(kind, bytes, bounds) : succeed(0)
      return parts.ok ? succeed({ pages: pages.value.length, parts: parts.value }) : parts
    }
  }
}

serve((input) => handle(input as ParseTask))

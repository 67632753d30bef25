import { succeed } from '../failure.ts'
import { serve } from '../pool/process.ts'
import { recogniseEInvoice } from './e-invoice.ts'
import type { ParseResult, ParseTask } from './messages.ts'
import { inspectPdf, readPdf, renderPage } from './pdf.ts'
import { inspectImage, readImage } from './picture.ts'

/** The process that meets a document's bytes first: PDF, images, XML. */
async function handle(task: ParseTask): Promise<ParseResult> {
  switch (task.do) {
    case 'inspect':
      if (task.kind === 'xml') {
        const invoice = recogniseEInvoice(task.bytes, task.bounds)
        return invoice.ok ? succeed({ pages: 0 }) : invoice
      }
      return task.kind === 'pdf' ? inspectPdf(task.bytes, task.bounds) : inspectImage(task.bytes, task.bounds)
    case 'read-pdf':
      return readPdf(task.bytes, task.bounds)
    case 'read-xml':
      return recogniseEInvoice(task.bytes, task.bounds)
    case 'picture':
      return task.kind === 'pdf'
        ? renderPage(task.bytes, task.page, task.view, task.bounds)
        : readImage(task.bytes, task.page, task.view, task.bounds)
  }
}

serve((input) => handle(input as ParseTask))

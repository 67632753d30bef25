/** An invoice as a word processor, a shop's mail and a mailbox have it: for tests; the samples of a start have none of these. */
import type { SampleInvoice } from './invoice.ts'
import { amount, localDate } from './invoice.ts'
import { labels } from './pdf-invoice.ts'
import type { Random } from './random.ts'
import { zipOf } from './zip.ts'

interface InvoiceText {
  readonly seller: readonly string[]
  readonly buyer: readonly string[]
  readonly facts: readonly (readonly [label: string, value: string])[]
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly sums: readonly (readonly [label: string, value: string])[]
  readonly foot: readonly string[]
}

function textOf(random: Random, invoice: SampleInvoice): InvoiceText {
  const { language, seller, buyer, currency } = invoice
  const words = labels[language]
  const money = (cents: number): string => amount(cents, language)
  const style = random.integer(0, 2)
  return {
    seller: [seller.name, seller.street, `${seller.postcode} ${seller.city}`, `${words.vatId} ${seller.vatId}`],
    buyer: [random.pick(words.to), buyer.name, buyer.street, `${buyer.postcode} ${buyer.city}`],
    facts: [[random.pick(words.number), invoice.number], [random.pick(words.date), localDate(invoice.issueDate, language, style)], [random.pick(words.due), localDate(invoice.dueDate, language, style)]],
    columns: words.columns,
    rows: invoice.lines.map(({ description, quantity, unitPrice, total }) => [description, String(quantity), money(unitPrice), money(total)]),
    sums: [[random.pick(words.net), money(invoice.net)], [`${random.pick(words.tax)} ${invoice.taxRate}%`, money(invoice.tax)], [`${random.pick(words.gross)} ${currency}`, money(invoice.gross)]],
    foot: [`${words.iban} ${seller.iban}`, words.thanks],
  }
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A page laid out with tables, as shops send it. */
export function writeHtmlInvoice(random: Random, invoice: SampleInvoice): Buffer {
  const { seller, buyer, facts, columns, rows, sums, foot } = textOf(random, invoice)
  const lines = (all: readonly string[]): string => all.map(escaped).join('<br>')
  const row = (cells: readonly string[], tag = 'td'): string => `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return Buffer.from(`<!DOCTYPE html>
<html lang="${invoice.language}"><head><meta charset="utf-8"><title>${escaped(invoice.number)}</title><style>td { padding: 4px }</style></head><body>
<div style="display:none">Your order is on its way</div>
<table width="600"><tr><td>
  <table><tr><td valign="top">${lines(seller)}</td><td align="right"><table>${facts.map((fact) => row(fact)).join('')}</table></td></tr><tr><td>${lines(buyer)}</td></tr></table>
  <h1>${labels[invoice.language].title[0]}</h1>
  <table border="1"><thead>${row(columns, 'th')}</thead><tbody>${rows.map((cells) => row(cells)).join('')}
  ${sums.map(([label, value]) => `<tr><td colspan="3">${escaped(label)}</td><td align="right"><b>${escaped(value)}</b></td></tr>`).join('')}</tbody></table>
  <p>${lines(foot)}</p>
</td></tr></table></body></html>`)
}

/** A document whose letterhead is its header and whose lines are a table. */
export function writeDocxInvoice(random: Random, invoice: SampleInvoice): Buffer {
  const { seller, buyer, facts, columns, rows, sums, foot } = textOf(random, invoice)
  const run = (text: string): string => text.split('\t').map((part) => `<w:r><w:t xml:space="preserve">${escaped(part)}</w:t></w:r>`).join('<w:r><w:tab/></w:r>')
  const paragraph = (text: string): string => `<w:p>${run(text)}</w:p>`
  const row = (cells: readonly string[]): string => `<w:tr>${cells.map((cell) => `<w:tc><w:tcPr><w:tcW w:w="2000" w:type="dxa"/></w:tcPr>${paragraph(cell)}</w:tc>`).join('')}</w:tr>`
  const namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
  const part = (name: string, root: string, body: string): { name: string; data: Buffer } => ({
    name, data: Buffer.from(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<w:${root} ${namespace}>${body}</w:${root}>`),
  })
  const body = [
    ...buyer.map(paragraph), paragraph(labels[invoice.language].title[0]), ...facts.map(([label, value]) => paragraph(`${label}:\t${value}`)),
    `<w:tbl>${[columns, ...rows, ...sums.map(([label, value]) => [label, '', '', value])].map(row).join('')}</w:tbl>`, ...foot.map(paragraph),
  ]
  return zipOf([
    { name: '[Content_Types].xml', data: Buffer.from('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>') },
    part('word/document.xml', 'document', `<w:body>${body.join('')}<w:sectPr/></w:body>`),
    part('word/header1.xml', 'hdr', seller.map(paragraph).join('')),
  ])
}

export interface SampleAttachment {
  readonly fileName: string
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** A mail with files; what it says itself is plain text. */
export function writeMail(random: Random, text: string, attachments: readonly SampleAttachment[]): Buffer {
  const boundary = `=_${random.digits(12)}`
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n')
  const parts = [
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(Buffer.from(text))}`,
    ...attachments.map(({ fileName, contentType, bytes }) =>
      `Content-Type: ${contentType}\r\nContent-Disposition: attachment; filename*=utf-8''${encodeURIComponent(fileName)}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(bytes)}`),
  ]
  return Buffer.from(`From: Billing <billing@sender.example>\r\nTo: books@receiver.example\r\nSubject: =?utf-8?b?${Buffer.from('Your invoices').toString('base64')}?=\r\nDate: Fri, 20 Nov 2026 09:00:00 +0000\r\n`
    + `Message-ID: <${random.digits(12)}@sender.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`
    + `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`)
}

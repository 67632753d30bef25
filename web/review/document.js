// One document: its pages with the boxes of its fields, and its fields to be corrected. Whatever a document says is written as text.

import { picture } from './api.js'

const SVG = 'http://www.w3.org/2000/svg'
/** Below this a field is shown as doubtful. */
const SURE = 0.8
const PARTIES = ['seller', 'buyer', 'payee', 'taxRepresentative', 'deliverTo']
/** Shown first, in this order, whether the document has them or not. */
const FIRST = ['type', 'seller.name', 'seller.vatId', 'buyer.name', 'invoiceNumber', 'issueDate', 'dueDate', 'currency', 'taxBasisTotal', 'taxTotal', 'grandTotal', 'payableAmount', 'iban', 'purchaseOrderNumber']
const COLUMNS = ['description', 'quantity', 'unitPrice', 'taxRate', 'lineTotal']

const byId = (id) => document.getElementById(id)

export function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) {
    made.setAttribute(attribute, value)
  }
  if (text !== undefined) {
    made.textContent = text
  }
  made.append(...children)
  return made
}

/** Every field by its path: `seller.name`, `lines.0.quantity`. */
function fieldsOf({ fields, lineItems }) {
  const found = new Map()
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (PARTIES.includes(name)) {
      for (const [part, field] of Object.entries(value ?? {})) {
        found.set(`${name}.${part}`, field)
      }
    } else {
      found.set(name, value)
    }
  }
  for (const [index, line] of (lineItems ?? []).entries()) {
    for (const [name, field] of Object.entries(line)) {
      found.set(`lines.${index}.${name}`, field)
    }
  }
  return found
}

let shown = { id: undefined, urls: [] }

function inputFor(path, value, label) {
  const input = element('input', { name: path, 'aria-label': label, value })
  input.dataset.was = value
  input.addEventListener('input', () => {
    input.classList.toggle('changed', input.value.trim() !== input.dataset.was)
    input.classList.remove('wrong')
  })
  input.addEventListener('focus', () => mark(path))
  return input
}

/** The box of the field that is being edited stands out, and is brought into view. */
function mark(path) {
  for (const box of byId('pages').querySelectorAll('rect')) {
    const current = box.dataset.field === path
    box.classList.toggle('current', current)
    if (current) {
      box.scrollIntoView({ block: 'nearest' })
    }
  }
}

function row(path, field, named) {
  const value = field?.normalised ?? ''
  const confidence = field?.confidence
  const meter = confidence === undefined ? element('span') : element('meter', { min: 0, max: 1, low: 0.5, high: SURE, optimum: 1, value: confidence, title: `${Math.round(confidence * 100)} % sure, ${field.provenance?.method ?? ''}` })
  const input = inputFor(path, value, path)
  if (path === 'type') {
    input.setAttribute('list', 'types')
  }
  input.id = `field-${path}`
  return element('div', { class: named ? 'field named' : 'field' }, element('label', { for: input.id, text: path }), input, meter)
}

export function addField(path) {
  const known = byId('values').querySelector(`input[name="${CSS.escape(path)}"]`)
  if (known === null) {
    byId('values').append(row(path, undefined, false))
  }
  ;(known ?? byId('values').lastElementChild.querySelector('input')).focus()
}

function lineRow(line, index) {
  return element('tr', {}, ...COLUMNS.map((name) => element('td', {}, inputFor(`lines.${index}.${name}`, line[name]?.normalised ?? '', `line ${index + 1} ${name}`))))
}

export function addLine() {
  const body = byId('lines').tBodies[0]
  body.append(lineRow({}, body.childElementCount))
  body.lastElementChild.querySelector('input').focus()
}

function showFields(found, given) {
  const named = new Set((given.validation?.results ?? []).filter(({ outcome, severity }) => outcome === 'failed' && severity === 'hard').flatMap(({ fields }) => fields))
  const rest = [...found.keys()].filter((path) => !FIRST.includes(path) && !path.startsWith('lines.')).sort()
  const type = { normalised: given.type ?? '', confidence: given.probability ?? undefined, provenance: { method: 'type of the document' } }
  byId('values').replaceChildren(...[...FIRST, ...rest].map((path) => row(path, path === 'type' ? type : found.get(path), named.has(path))))
  const lines = given.lineItems ?? []
  byId('lines').tHead.replaceChildren(element('tr', {}, ...COLUMNS.map((name) => element('th', { scope: 'col', text: name }))))
  byId('lines').tBodies[0].replaceChildren(
    ...lines.map(lineRow),
  )
  byId('field-names').replaceChildren(...[...found.keys()].map((path) => element('option', { value: path })))
}

/** Why it is taken for a copy of another document. */
function likeness({ duplicateOf, evidence }) {
  const equal = { sha256: 'the same bytes', person: 'a person said so' }[evidence.by] ?? `the same ${evidence.fields.join(', ')}`
  return `copy of ${duplicateOf}: ${equal}`
}

function showReasons(given) {
  const messages = new Map((given.validation?.results ?? []).map(({ ruleId, message }) => [ruleId, message]))
  const reasons = given.reasons.map(({ code, subject }) => `${code.toLowerCase().replaceAll('_', ' ')}: ${messages.get(subject) ?? subject}`)
  const all = given.evidence ? [...reasons, likeness(given)] : reasons
  byId('reasons').hidden = all.length === 0
  byId('reasons').replaceChildren(...all.map((text) => element('li', { text })))
  byId('history').replaceChildren(
    ...(given.corrections ?? []).map(({ by, at, field, from, to }) => element('li', { text: `${new Date(at).toLocaleString()} ${by}: ${field} ${from ?? '–'} → ${to ?? '–'}` })),
  )
}

function boxes(page, size, found) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  for (const [path, { confidence, provenance }] of found) {
    if (provenance?.page === page && provenance.box !== undefined) {
      const { x, y, width, height } = provenance.box
      const rect = document.createElementNS(SVG, 'rect')
      for (const [name, value] of Object.entries({ x, y, width, height })) {
        rect.setAttribute(name, String(value))
      }
      rect.dataset.field = path
      rect.classList.toggle('doubtful', confidence < SURE)
      rect.addEventListener('click', () => document.querySelector(`input[name="${CSS.escape(path)}"]`)?.focus())
      svg.append(rect)
    }
  }
  return svg
}

async function showPages(given, found) {
  const { documentId, pageCount, pageSizes } = given
  const mine = shown
  byId('pages').replaceChildren()
  for (let page = 1; page <= (pageCount ?? 1); page += 1) {
    const figure = element('figure', {}, element('figcaption', { text: `Page ${page}` }))
    byId('pages').append(figure)
    try {
      const url = await picture(documentId, page)
      if (mine !== shown) {
        URL.revokeObjectURL(url)
        return
      }
      mine.urls.push(url)
      const image = element('img', { alt: `Page ${page}`, src: url })
      const size = pageSizes?.[page - 1]
      figure.prepend(element('div', { class: 'sheet' }, image, ...(size === undefined ? [] : [boxes(page, size, found)])))
    } catch (error) {
      figure.firstElementChild.textContent = `Page ${page}: ${error.message}`
    }
  }
}

export async function show(given) {
  for (const url of shown.urls) {
    URL.revokeObjectURL(url)
  }
  shown = { id: given.documentId, urls: [] }
  const found = fieldsOf(given)
  byId('title').textContent = given.fileName ?? given.documentId
  showReasons(given)
  showFields(found, given)
  byId('document').hidden = false
  await showPages(given, found)
}

export function clear() {
  for (const url of shown.urls) {
    URL.revokeObjectURL(url)
  }
  shown = { id: undefined, urls: [] }
  byId('document').hidden = true
  byId('pages').replaceChildren()
}

/** What differs from what was shown. An emptied field is one that the document does not have. */
export function changes() {
  return [...byId('fields').querySelectorAll('input[name]')]
    .filter((input) => input.value.trim() !== input.dataset.was)
    .map((input) => ({ field: input.name, to: input.value.trim() === '' ? null : input.value.trim() }))
}

/** Of a refusal's `changes[2].to`: the field it is about, which gets the focus. */
export function point(at, sent) {
  const index = /^changes\[(\d+)\]/.exec(at ?? '')?.[1]
  const field = index === undefined ? undefined : sent[Number(index)]?.field
  const input = field === undefined ? null : byId('fields').querySelector(`input[name="${CSS.escape(field)}"]`)
  input?.classList.add('wrong')
  input?.focus()
  return field
}

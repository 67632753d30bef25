// The queue of documents that wait for a person, and what that person decides. Everything works from the keyboard.

import { decide, duplicates, queue, read, Refused, signIn } from './api.js'
import { addField, addLine, changes, clear, element, point, show } from './document.js'

const byId = (id) => document.getElementById(id)
/** A corrected document goes through the pipeline again; looked for again this often, so long. */
const AGAIN_MS = 700
const PATIENCE = 40

/** The subject of a reason that a document is like one that was here before begins with which. */
const LIKE = /^of ([0-9a-f-]{36}):/

let filters = { reason: '', vendor: '' }
let showing = 'waiting'
let cursor
let current

function say(text, kind = '') {
  byId('said').textContent = text
  byId('said').className = kind
}

function complain(error) {
  if (error instanceof Refused) {
    const { code, message, field, limit, fix } = error.error
    say([message, field === null ? '' : `(${field}${limit === null ? '' : `: ${limit}`})`, fix].filter((part) => part !== '').join(' '), 'bad')
    if (code === 'UNAUTHENTICATED') {
      byId('work').hidden = true
      byId('sign-in').hidden = false
      byId('token').focus()
    }
  } else {
    say('The server does not answer.', 'bad')
  }
}

const attempt = (work) => (...given) => work(...given).catch(complain)

function entry({ documentId, fileName, vendor, total, currency, reasons = [], duplicateOf }) {
  const button = element('button', { type: 'button', 'aria-current': 'false' }, fileName ?? documentId)
  button.dataset.id = documentId
  button.append(
    element('small', { text: [vendor, total === null ? null : `${total} ${currency ?? ''}`].filter((part) => part !== null).join(' · ') }),
    element('small', { text: duplicateOf ? `of ${duplicateOf}` : [...new Set(reasons.map(({ code }) => code))].join(', ').toLowerCase().replaceAll('_', ' ') }),
  )
  button.addEventListener('click', attempt(() => choose(documentId)))
  return element('li', {}, button)
}

async function list(more) {
  const from = more ? cursor : undefined
  const page = await (showing === 'duplicates' ? duplicates(from) : queue(filters, from))
  cursor = page.cursor
  const entries = page.documents.map(entry)
  byId('queue').replaceChildren(...(more ? byId('queue').children : []), ...entries)
  byId('more').hidden = cursor === null
  byId('empty').hidden = byId('queue').childElementCount > 0
  byId('sign-in').hidden = true
  byId('work').hidden = false
}

const buttons = () => [...byId('queue').querySelectorAll('button')]

async function open(documentId) {
  for (const button of buttons()) {
    button.setAttribute('aria-current', String(button.dataset.id === documentId))
  }
  const given = await read(documentId)
  if (given.revision === undefined) {
    say('This document is under way: there is nothing to look at yet.', 'bad')
    return
  }
  // one key for what is decided about this revision: a second click is the same request
  current = { documentId, revision: given.revision, key: crypto.randomUUID() }
  const waits = given.state === 'IN_REVIEW'
  const original = given.duplicateOf ?? given.reasons.map(({ subject }) => LIKE.exec(subject)?.[1]).find((id) => id !== undefined)
  byId('save').disabled = given.state === 'DUPLICATE'
  byId('accept').disabled = !waits
  byId('reject').disabled = !waits
  byId('duplicate').disabled = !waits
  byId('not-duplicate').disabled = original === undefined
  byId('of').value = original ?? ''
  lookable()
  await show(given)
}

/** Opens what a person asks for: what was said of another document is over. */
async function choose(documentId) {
  say('')
  await open(documentId)
}

function lookable() {
  byId('look').disabled = byId('of').value.trim() === ''
}

async function step(by) {
  const all = buttons()
  const at = all.findIndex((button) => button.getAttribute('aria-current') === 'true')
  const next = all[Math.min(all.length - 1, Math.max(0, at + by))]
  if (next !== undefined) {
    next.focus()
    await open(next.dataset.id)
  }
}

async function send(decision) {
  if (current === undefined) {
    return
  }
  const { documentId, revision, key } = current
  const wanted = decision === 'correct' ? changes() : []
  if (decision === 'correct' && wanted.length === 0) {
    say('Nothing is changed. Accept the document if it is right as it is.', 'bad')
    return
  }
  say('Sending …')
  try {
    const said = { correct: { changes: wanted }, duplicate: { duplicateOf: byId('of').value.trim() } }[decision]
    await decide(documentId, key, { revision, decision, ...said })
  } catch (error) {
    // a refused decision will be another request; one whose answer is missing is the same, and may have been taken
    if (error instanceof Refused && error.status < 500) {
      current.key = crypto.randomUUID()
    }
    const field = error instanceof Refused ? point(error.error.field, wanted) : undefined
    if (field === undefined) {
      complain(error)
    } else {
      say(`${field}: ${error.error.limit} is allowed.`, 'bad')
    }
    return
  }
  say('Taken; it is checked again …')
  await settled(documentId, revision)
}

/** Waits for the revision that the decision leads to. */
async function settled(documentId, revision) {
  for (let tries = 0; tries < PATIENCE; tries += 1) {
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS) })
    const given = await read(documentId)
    if (given.revision > revision) {
      if (given.state === 'IN_REVIEW') {
        say('Checked: it still needs a person.', 'bad')
        await open(documentId)
        return
      }
      say(`Done: ${given.state.toLowerCase()}.`, 'good')
      const index = buttons().findIndex((button) => button.dataset.id === documentId)
      byId('queue').children[index]?.remove()
      byId('empty').hidden = byId('queue').childElementCount > 0
      current = undefined
      clear()
      const next = buttons()[Math.min(index, buttons().length - 1)]
      if (next !== undefined) {
        next.focus()
        await open(next.dataset.id)
      }
      return
    }
  }
  say('It is still being checked; look at it again later.')
}

byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  signIn(byId('token').value)
  byId('token').value = ''
  say('')
  list(false).then(() => step(0)).catch(complain)
})
byId('filters').addEventListener('submit', (event) => {
  event.preventDefault()
  const form = new FormData(byId('filters'))
  filters = { reason: String(form.get('reason')).trim(), vendor: String(form.get('vendor')).trim() }
  showing = form.get('show')
  list(false).catch(complain)
})
byId('more').addEventListener('click', attempt(() => list(true)))
byId('fields').addEventListener('submit', (event) => {
  event.preventDefault()
  send('correct').catch(complain)
})
byId('accept').addEventListener('click', attempt(() => send('accept')))
for (const decision of ['reject', 'duplicate', 'not-duplicate']) {
  byId(decision).addEventListener('click', attempt(() => send(decision)))
}
byId('look').addEventListener('click', attempt(() => choose(byId('of').value.trim())))
byId('of').addEventListener('input', lookable)
byId('add').addEventListener('click', () => {
  const path = byId('new-field').value.trim()
  if (path !== '') {
    addField(path)
    byId('new-field').value = ''
  }
})
byId('add-line').addEventListener('click', addLine)
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement
  if (event.ctrlKey && event.key === 'Enter') {
    if (!byId('save').disabled) {
      send('correct').catch(complain)
    }
  } else if (event.altKey && event.key === 'a' && !byId('accept').disabled) {
    send('accept').catch(complain)
  } else if (event.altKey && event.key === 'r' && !byId('reject').disabled) {
    send('reject').catch(complain)
  } else if (!typing && !event.ctrlKey && !event.altKey && (event.key === 'j' || event.key === 'k')) {
    step(event.key === 'j' ? 1 : -1).catch(complain)
  } else {
    return
  }
  event.preventDefault()
})

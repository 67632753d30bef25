// The tenants' API with the token that was typed in. The token stays in this page's memory and is gone when it is closed.

let token = ''

export function signIn(given) {
  token = given.trim()
}

export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `The answer was ${status}.`)
    this.status = status
    this.error = error ?? { code: 'INTERNAL', message: this.message, field: null, limit: null, fix: '' }
  }
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } })
  if (!response.ok) {
    throw new Refused(response.status, (await response.json().catch(() => undefined))?.error)
  }
  return response
}

export async function queue(filters, cursor) {
  const query = new URLSearchParams({ limit: '50' })
  for (const [name, value] of Object.entries(filters)) {
    if (value !== '') {
      query.set(name, value)
    }
  }
  if (cursor) {
    query.set('cursor', cursor)
  }
  return await (await ask(`/v1/review?${query}`)).json()
}

/** What was taken for a copy, the newest first. */
export async function duplicates(cursor) {
  const query = new URLSearchParams({ state: 'DUPLICATE', limit: '50', ...(cursor ? { cursor } : {}) })
  return await (await ask(`/v1/documents?${query}`)).json()
}

const of = (documentId) => `/v1/documents/${encodeURIComponent(documentId)}`

export async function read(documentId) {
  return await (await ask(of(documentId))).json()
}

/** An address of the picture in this page's memory: an image element could not send the token. */
export async function picture(documentId, page) {
  return URL.createObjectURL(await (await ask(`${of(documentId)}/pages/${page}`)).blob())
}

/** The key makes a repeated click, and a retry after a lost answer, the same request. */
export async function decide(documentId, key, body) {
  return await (await ask(`${of(documentId)}/corrections`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': key }, body: JSON.stringify(body),
  })).json()
}

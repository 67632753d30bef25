/** JSON schemas of the API, for OpenAPI. They describe; checks with answers of our own are in the routes. */
import { maxChanges } from '../topology/corrections.ts'
import { documentTypes } from '../processors/types.ts'
import { documentStates } from '../topology/states.ts'
import { errorCatalogue } from './errors.ts'
import { ASK, MAXIMUM_FILES, MAXIMUM_KEY_LENGTH, PAGE, SEARCH } from './limits.ts'

const text = { type: 'string' } as const
const textOrNull = { type: ['string', 'null'] } as const
const time = { type: 'string', format: 'date-time' } as const
const documentId = { type: 'string', format: 'uuid' } as const
const sha256 = { type: ['string', 'null'], description: 'Lower-case hex.' } as const
const state = { type: 'string', enum: documentStates } as const
const links = { type: 'object', properties: { self: text, lifecycle: text, content: text } } as const
const reason = { type: ['object', 'null'], properties: { code: text, text: textOrNull } } as const
const money = { type: ['string', 'null'], description: 'Decimal number as text.' } as const

const reasonsForReview = { type: 'array', items: { type: 'object', properties: { code: text, step: text, subject: text } }, description: 'Why a person has to look at it.' } as const

export const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string', enum: Object.keys(errorCatalogue) },
        message: text,
        field: { type: ['string', 'null'], description: 'Header, parameter or part at fault.' },
        limit: { type: ['string', 'number', 'null'], description: 'What is allowed.' },
        fix: text,
        requestId: text,
      },
    },
  },
} as const

const errors = (...statuses: readonly number[]) =>
  Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(errorCatalogue).filter(([, definition]) => definition.status === status)
      return [status, { description: codes.map(([code, { message }]) => `\`${code}\`: ${message}`).join(' '), ...errorSchema }]
    }),
  )

const security = [{ bearer: [] }]
const tags = ['documents']
const params = { type: 'object', properties: { documentId }, required: ['documentId'] } as const

const summary = {
  documentId, state, fileName: textOrNull, contentType: textOrNull, size: { type: 'integer' }, sha256, receivedAt: time, processedAt: { type: ['string', 'null'], format: 'date-time' },
  type: textOrNull, number: textOrNull, date: textOrNull, total: money, currency: textOrNull, duplicateOf: textOrNull, links,
} as const

export const postDocuments = {
  summary: 'Upload documents',
  description: `One to ${MAXIMUM_FILES} files. 202 once Kafka has all of them. With an Idempotency-Key a repeated request gets the same answer and no second document.`,
  tags, security,
  consumes: ['multipart/form-data'],
  headers: { type: 'object', properties: { 'idempotency-key': { type: 'string', minLength: 1, maxLength: MAXIMUM_KEY_LENGTH } } },
  body: {
    type: 'object',
    required: ['file'],
    properties: {
      file: { type: 'array', maxItems: MAXIMUM_FILES, items: { type: 'string', format: 'binary' } },
      duplicate: { type: 'string', enum: ['allow'], description: 'Process the files although the tenant has had them, as the same bytes or as the same invoice; the row still says of what.' },
    },
  },
  response: {
    202: {
      description: 'Kafka has them.',
      type: 'object',
      properties: { documents: { type: 'array', items: { type: 'object', properties: { documentId, fileName: textOrNull, sha256, size: { type: 'integer' }, state, links } } } },
    },
    ...errors(400, 401, 403, 408, 409, 413, 415, 429, 500, 503),
  },
}

export const listDocuments = {
  summary: 'List documents, newest first',
  tags, security,
  querystring: {
    type: 'object',
    properties: {
      state,
      cursor: { type: 'string', description: 'From the page before.' },
      limit: { type: 'integer', minimum: 1, maximum: PAGE.most, default: PAGE.default },
    },
  },
  response: {
    200: {
      description: 'A page; the last one has no cursor.',
      type: 'object',
      properties: {
        documents: { type: 'array', items: { type: 'object', properties: { ...summary, vendor: textOrNull, reasonCode: textOrNull } } },
        cursor: textOrNull,
      },
    },
    ...errors(400, 401, 403, 500, 503),
  },
}

export const getDocument = {
  summary: 'One document with all that was found in it',
  tags, security, params,
  response: {
    200: {
      description: 'RECEIVED while it is under way.',
      type: 'object',
      properties: {
        ...summary,
        source: text, revision: { type: 'integer' }, language: textOrNull, route: textOrNull, pageCount: { type: ['integer', 'null'] }, probability: { type: ['number', 'null'] },
        vendor: { type: ['object', 'null'], properties: { id: textOrNull, name: textOrNull } },
        dueDate: textOrNull, subtotal: money, tax: money, reason, pipelineVersion: textOrNull,
        fields: {}, lineItems: {}, validation: {}, enrichment: {}, versions: {},
        reasons: reasonsForReview,
        evidence: { type: ['object', 'null'], properties: { by: { type: 'string', enum: ['sha256', 'business-key', 'person'] }, fields: { type: 'array', items: text } }, description: 'Why it is taken for a duplicate: what is equal.' },
        corrections: { description: 'What people changed, the oldest first; null: nothing.' },
        parentId: { ...textOrNull, description: 'The mail or archive it came out of.' }, part: { ...textOrNull, description: 'Its name in there.' },
        partCount: { type: ['integer', 'null'], description: 'Documents that came out of it: see `parts`.' },
        pageSizes: { description: 'Of each page: width and height in the unit of the boxes on it.' },
      },
    },
    ...errors(401, 403, 404, 500, 503),
  },
}

export const getParts = {
  summary: 'What became of the documents that came out of a mail or an archive',
  tags, security, params,
  response: {
    200: {
      description: 'Those that have ended, whichever way; `partCount` of the document says how many there are.',
      type: 'object',
      properties: {
        documentId,
        parts: { type: 'array', items: { type: 'object', properties: { documentId, part: textOrNull, state: text, reasonCode: textOrNull, type: textOrNull, links } } },
      },
    },
    ...errors(401, 403, 404, 500, 503),
  },
}

export const getLifecycle = {
  summary: 'Every change of state, oldest first',
  tags, security, params,
  response: {
    200: {
      description: 'Empty while no change has reached the archive.',
      type: 'object',
      properties: {
        documentId,
        events: { type: 'array', items: { type: 'object', properties: { revision: { type: 'integer' }, from: textOrNull, to: text, at: time, step: text, reason } } },
      },
    },
    ...errors(401, 403, 404, 500, 503),
  },
}

export const getContent = {
  summary: 'The bytes as they came, as an attachment',
  tags, security, params,
  headers: { type: 'object', properties: { range: { type: 'string', description: 'One range of bytes.' } } },
  response: errors(401, 403, 404, 416, 500, 503),
}

export const getReview = {
  summary: 'Documents that wait for a person, the one that has waited longest first',
  tags: ['review'], security,
  querystring: {
    type: 'object',
    properties: {
      reason: { type: 'string', maxLength: 100, description: 'Documents with this code among their reasons.' },
      type: { type: 'string', maxLength: 100 },
      vendor: { type: 'string', maxLength: 100, description: 'A part of the name, in any case.' },
      cursor: { type: 'string', description: 'From the page before.' },
      limit: { type: 'integer', minimum: 1, maximum: PAGE.most, default: PAGE.default },
    },
  },
  response: {
    200: {
      description: 'A page; the last one has no cursor.',
      type: 'object',
      properties: {
        documents: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              documentId, revision: { type: 'integer' }, receivedAt: time, fileName: textOrNull, type: textOrNull, vendor: textOrNull, number: textOrNull, date: textOrNull,
              total: money, currency: textOrNull, reasons: reasonsForReview, links,
            },
          },
        },
        cursor: textOrNull,
      },
    },
    ...errors(400, 401, 403, 500, 503),
  },
}

export const postCorrection = {
  summary: 'Correct, accept or reject a document, or say whether it is a duplicate',
  description: 'Only the revision that is there now can be corrected; of two requests for one revision the first is taken. The document is validated again and gets a higher revision. '
    + 'With an Idempotency-Key a repeated request gets the same answer and changes nothing more.',
  tags: ['review'], security, params,
  headers: { type: 'object', properties: { 'idempotency-key': { type: 'string', minLength: 1, maxLength: MAXIMUM_KEY_LENGTH } } },
  body: {
    type: 'object',
    required: ['revision'],
    properties: {
      revision: { type: 'integer', description: 'Of the document as it was seen.' },
      decision: {
        type: 'string', enum: ['correct', 'accept', 'reject', 'duplicate', 'not-duplicate'], default: 'correct',
        description: 'not-duplicate: what was taken for a duplicate goes on as if it had been sent with `duplicate=allow`.',
      },
      duplicateOf: { ...documentId, description: 'With duplicate only: the original.' },
      changes: {
        type: 'array', maxItems: maxChanges, description: 'With correct only.',
        items: {
          type: 'object',
          required: ['field', 'to'],
          properties: {
            field: { type: 'string', description: '`type`, a field (`grandTotal`), a party\'s (`seller.name`), a line\'s (`lines.0.quantity`, the index after the last adds one) or a tax\'s (`taxes.0.rate`).' },
            to: { type: ['string', 'null'], description: 'Amounts 1234.50, days YYYY-MM-DD; null: the document does not have it.' },
          },
        },
      },
    },
  },
  response: {
    202: {
      description: 'Kafka has it.',
      type: 'object',
      properties: { correctionId: text, documentId, baseRevision: { type: 'integer' }, decision: text, links: { type: 'object', properties: { document: text } } },
    },
    ...errors(400, 401, 403, 404, 408, 409, 413, 415, 500, 503),
  },
}

export const getVendorMemory = {
  summary: 'What corrections taught about each vendor',
  tags: ['review'], security,
  querystring: {
    type: 'object',
    properties: { cursor: { type: 'string', description: 'From the page before.' }, limit: { type: 'integer', minimum: 1, maximum: PAGE.most, default: PAGE.default } },
  },
  response: {
    200: {
      description: 'A page; the last one has no cursor.',
      type: 'object',
      properties: {
        vendors: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              vendor: { ...text, description: 'Names it in a request to forget.' }, name: textOrNull, vatId: textOrNull, learnedAt: { ...textOrNull, description: 'When the newest of the corrections was made.' },
              places: { description: 'Where a field is printed: the words beside it, its shape, page and place (0 to 1), and how many corrections showed it.' },
              constants: { description: 'Name and address as a person wrote them.' },
            },
          },
        },
        cursor: textOrNull,
      },
    },
    ...errors(400, 401, 403, 500, 503),
  },
}

export const deleteVendorMemory = {
  summary: 'Have forgotten what corrections taught about a vendor',
  description: 'The pipeline forgets it: documents that are extracted after that, some hundred milliseconds later, are read without it. A lesson that is being learned at this moment may come afterwards.',
  tags: ['review'], security,
  params: { type: 'object', properties: { vendor: text }, required: ['vendor'] },
  response: { 202: { description: 'Kafka has it.', type: 'object', properties: { vendor: text, keys: { type: 'integer', description: 'Places where it was kept.' } } }, ...errors(401, 403, 404, 500, 503) },
}

export const getPage = {
  summary: 'A page as a picture, drawn on demand',
  tags: ['review'], security,
  params: { type: 'object', properties: { documentId, page: { type: 'integer', minimum: 1 } }, required: ['documentId', 'page'] },
  response: errors(401, 403, 404, 422, 500, 503),
}

const filters = {
  type: { type: 'array', items: { type: 'string', enum: documentTypes }, description: 'Documents of one of these types.' },
  vendor: { type: 'string', maxLength: 200, description: "A vendor's id, or a part of its name in any case." },
  from: { type: 'string', format: 'date', description: "The document's own date, this day or later." },
  to: { type: 'string', format: 'date', description: 'This day or earlier.' },
  least: { type: 'string', description: 'Total, this much or more: a decimal number.' },
  most: { type: 'string', description: 'This much or less.' },
  currency: { type: 'string', description: 'ISO 4217.' },
} as const
const passage = { page: { type: ['integer', 'null'], description: 'From 1; null where the document has no pages.' }, text } as const

export const getSearch = {
  summary: 'Search in what the documents say, best first',
  description: 'Every word, "phrases", -exclusions and `or`, as they stand or by their stems in the tenant\'s languages; where there are embeddings, also what is alike. Duplicates are left out.',
  tags: ['search'], security,
  querystring: {
    type: 'object',
    required: ['q'],
    properties: {
      q: { type: 'string', minLength: 1, maxLength: SEARCH.textLength }, ...filters,
      cursor: { type: 'string', description: 'From the page before.' },
      limit: { type: 'integer', minimum: 1, maximum: SEARCH.mostHits, default: SEARCH.page },
    },
  },
  response: {
    200: {
      description: 'A page; the last one has no cursor.',
      type: 'object',
      properties: {
        ranking: { type: 'string', enum: ['words', 'words-and-embeddings'] },
        hits: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              documentId, state, score: { type: 'number' }, fileName: textOrNull, type: textOrNull, vendor: textOrNull, number: textOrNull, date: textOrNull, total: money,
              currency: textOrNull, receivedAt: time, passages: { type: 'array', items: { type: 'object', properties: passage } }, links,
            },
          },
        },
        cursor: textOrNull,
      },
    },
    ...errors(400, 401, 403, 500, 503),
  },
}

export const postAsk = {
  summary: 'Ask about the documents',
  description: 'Answers line by line (NDJSON): the passages found, parts of the answer with the numbers of the passages each follows from, and the outcome: `answered`, `cut-short` '
    + '(the model broke off), `quoted` (no model spoke: the passages are the answer) or `not-stated` (the documents do not say).',
  tags: ['search'], security,
  body: { type: 'object', required: ['question'], properties: { question: { type: 'string', minLength: 1, maxLength: ASK.questionLength }, ...filters } },
  response: {
    200: {
      description: 'One JSON object per line.',
      content: {
        'application/x-ndjson': {
          schema: {
            type: 'object',
            properties: {
              passages: { type: 'array', items: { type: 'object', properties: { number: { type: 'integer' }, documentId, ...passage, links: { type: 'object', properties: { document: text } } } } },
              text, citations: { type: 'array', items: { type: 'integer' } },
              outcome: { type: 'string', enum: ['answered', 'cut-short', 'quoted', 'not-stated'] }, model: textOrNull,
            },
          },
        },
      },
    },
    ...errors(400, 401, 403, 413, 415, 500, 503),
  },
}

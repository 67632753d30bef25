/**
 * Every error the API answers with. `message` says what is wrong, `fix` what to do about it; `field` and `limit` name
 * what was at fault and how much is allowed. Answers never repeat what came in.
 */
export interface ErrorDefinition {
  readonly status: number
  readonly message: string
  readonly fix: string
}

export const errorCatalogue = {
  UNAUTHENTICATED: { status: 401, message: 'There is no valid bearer token.', fix: 'Send "Authorization: Bearer <token>" with a token of your tenant.' },
  TENANT_UNKNOWN: { status: 403, message: 'The tenant of this token does not exist.', fix: 'Have the tenant added to the tenants topic.' },
  TENANT_INACTIVE: { status: 403, message: 'The tenant of this token takes no documents.', fix: 'Have the tenant made active again.' },
  ROLE_MISSING: { status: 403, message: 'The token may not do this.', fix: 'Use a token with the role that the field "limit" of this error names.' },
  NOT_FOUND: { status: 404, message: 'There is nothing here.', fix: 'See /v1/openapi.json for what there is.' },
  DOCUMENT_NOT_FOUND: { status: 404, message: 'This tenant has no such document.', fix: 'Use a documentId that a 202 or a list gave out.' },
  CONTENT_NOT_FOUND: { status: 404, message: 'The content of this document is not kept.', fix: 'Upload the document again if you need it.' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, message: 'The body is not multipart/form-data.', fix: 'Send files as parts named "file" of a multipart/form-data body.' },
  MULTIPART_INVALID: { status: 400, message: 'The multipart body is malformed or incomplete.', fix: 'Send a complete body with the boundary its Content-Type names.' },
  FIELD_UNKNOWN: { status: 400, message: 'There is a part that is neither a file named "file" nor the field "duplicate".', fix: 'Send files, each as a part named "file" with a file name, and at most one field "duplicate".' },
  DUPLICATE_INVALID: { status: 400, message: 'The field "duplicate" has a value that it cannot have.', fix: 'Send "allow" to have duplicates processed, or leave the field away.' },
  FILE_MISSING: { status: 400, message: 'There is no file.', fix: 'Send at least one part named "file".' },
  FILE_EMPTY: { status: 400, message: 'A file has no bytes.', fix: 'Leave empty files away.' },
  TOO_MANY_FILES: { status: 413, message: 'There are more files than one request may carry.', fix: 'Send them in several requests.' },
  FILE_TOO_LARGE: { status: 413, message: 'A file is larger than allowed.', fix: 'Send a smaller file, or have the limit of the tenant raised.' },
  BODY_TOO_LARGE: { status: 413, message: 'The request is larger than allowed.', fix: 'Send fewer files in one request.' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, message: 'The idempotency key cannot be used.', fix: 'Send 1 to 128 printable ASCII characters, a UUID for example.' },
  IDEMPOTENCY_CONFLICT: { status: 409, message: 'This idempotency key was used for other files.', fix: 'Use a new key for new files; repeat a key only with the same bytes in the same order.' },
  RANGE_INVALID: { status: 416, message: 'The range lies outside of the content.', fix: 'Ask for one range of bytes within the size, or for no range.' },
  QUERY_INVALID: { status: 400, message: 'A part of the search or the question cannot be used.', fix: 'Send what the field "limit" of this error allows there.' },
  LIMIT_INVALID: { status: 400, message: 'The page size cannot be used.', fix: 'Ask for 1 to 500 documents.' },
  STATE_INVALID: { status: 400, message: 'There is no such state.', fix: 'Use a state that the field "limit" of this error lists.' },
  CURSOR_INVALID: { status: 400, message: 'The cursor is not one that this list gave out.', fix: 'Leave it away to begin at the newest document.' },
  JSON_EXPECTED: { status: 415, message: 'The body is not application/json.', fix: 'Send a JSON object with Content-Type: application/json.' },
  JSON_INVALID: { status: 400, message: 'The body is not the JSON object that is expected.', fix: 'Send the object that /v1/openapi.json describes.' },
  CORRECTION_INVALID: { status: 400, message: 'A change cannot be made.', fix: 'Send what the field "limit" of this error allows there.' },
  NOT_CORRECTABLE: { status: 409, message: 'The document is not in a state in which this can be decided.', fix: 'Correct documents that are archived or in review; accept, reject or call a duplicate those in review; call none what is said to be one.' },
  REVISION_STALE: { status: 409, message: 'The document is not the one you saw any more: it has another revision, or somebody was first.', fix: 'Read the document again, and send its revision with what you still want to change.' },
  FILTER_INVALID: { status: 400, message: 'There is no such filter, or it cannot have that value.', fix: 'Filter by reason, type or vendor, each with 1 to 100 characters.' },
  VENDOR_NOT_FOUND: { status: 404, message: 'Nothing is remembered of such a vendor.', fix: 'Use a `vendor` that /v1/vendor-memory gave out; what was learned since then may have changed it.' },
  PAGE_NOT_FOUND: { status: 404, message: 'The document has no such page to show.', fix: 'Ask for a page from 1 to the number of pages; an e-invoice without pages has none.' },
  PAGE_UNREADABLE: { status: 422, message: 'The page cannot be drawn.', fix: 'Fetch the content of the document and look at it with another program.' },
  RENDERER_BUSY: { status: 503, message: 'Too many pages are being drawn.', fix: 'Send the request again after the seconds that Retry-After names.' },
  REQUEST_INVALID: { status: 400, message: 'The request is malformed.', fix: 'Send a valid HTTP/1.1 request; see /v1/openapi.json.' },
  HEADERS_TOO_LARGE: { status: 431, message: 'The headers are larger than allowed.', fix: 'Send fewer or shorter headers.' },
  REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in time.', fix: 'Send it again, faster or in smaller parts.' },
  RATE_LIMITED: { status: 429, message: 'The tenant sends more documents a minute than allowed.', fix: 'Wait for the seconds that Retry-After names.' },
  OVERLOADED: { status: 503, message: 'Too many requests of this kind are under way.', fix: 'Send the request again after the seconds that Retry-After names, with the same Idempotency-Key.' },
  KAFKA_UNAVAILABLE: { status: 503, message: 'Kafka does not take documents now; whether it has this one is not known.', fix: 'Send the request again after the seconds that Retry-After names, with the same Idempotency-Key.' },
  DATABASE_UNAVAILABLE: { status: 503, message: 'A database does not answer now.', fix: 'Send the request again after the seconds that Retry-After names, with the same Idempotency-Key.' },
  MEMORY_UNAVAILABLE: { status: 503, message: 'What was learned about vendors is not loaded yet.', fix: 'Send the request again after the seconds that Retry-After names.' },
  STORE_UNAVAILABLE: { status: 503, message: 'The content store does not take documents now.', fix: 'Send the request again after the seconds that Retry-After names, with the same Idempotency-Key.' },
  STOPPING: { status: 503, message: 'This instance is stopping.', fix: 'Send the request again after the seconds that Retry-After names.' },
  INTERNAL: { status: 500, message: 'Something went wrong that should not have.', fix: 'Send the request again; if it goes on, tell the operators the requestId.' },
} as const satisfies { readonly [code: string]: ErrorDefinition }

export type ApiErrorCode = keyof typeof errorCatalogue

export interface ApiErrorDetail {
  /** Name of the header, parameter or part at fault. */
  readonly field?: string
  readonly limit?: number | string
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

export interface ErrorBody {
  readonly error: {
    readonly code: ApiErrorCode
    readonly message: string
    readonly field: string | null
    readonly limit: number | string | null
    readonly fix: string
    readonly requestId: string
  }
}

export class ApiError extends Error {
  readonly code: ApiErrorCode
  readonly status: number
  readonly detail: ApiErrorDetail

  constructor(code: ApiErrorCode, detail: ApiErrorDetail = {}) {
    super(errorCatalogue[code].message, { cause: detail.cause })
    this.name = 'ApiError'
    this.code = code
    this.status = errorCatalogue[code].status
    this.detail = detail
  }
}

export function errorBody(code: ApiErrorCode, requestId: string, detail: ApiErrorDetail = {}): ErrorBody {
  const { message, fix } = errorCatalogue[code]
  return { error: { code, message, field: detail.field ?? null, limit: detail.limit ?? null, fix, requestId } }
}

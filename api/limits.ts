/** Every limit and time-out of the API, each with the failure it prevents. Sizes in bytes, times in ms. */

/** One request must not hold thousands of open documents. */
export const MAXIMUM_FILES = 32
/** Headers and boundaries of a multipart body beside its files. */
export const MULTIPART_OVERHEAD = 64 * 1024
/** Uploads at once: each holds a file descriptor, a hash and some buffers. Slow ones of one tenant must not keep all others out. */
export const UPLOADS = { atOnce: 64, perTenant: 32 } as const
/** A correction of every field of a long invoice; a body without end would fill memory. */
export const MAXIMUM_CORRECTION_BYTES = 256 * 1024
/** Pages that are drawn or wait for it: each holds its document in memory. */
export const PAGES = { atOnce: 16, perTenant: 8 } as const
/** Each reads and groups all that a tenant has learned. */
export const VENDOR_MEMORIES = { atOnce: 4, perTenant: 2 } as const
/** Connections at once: sockets are file descriptors, and the content store needs some too. */
export const MAXIMUM_CONNECTIONS = 1_000
/** A header block that never ends would fill memory. */
export const MAXIMUM_HEADER_BYTES = 16 * 1024
/** A client that sends its headers a byte at a time would hold a connection for ever. */
export const HEADERS_TIMEOUT_MS = 15_000
/** The same for a body: the slowest upload of the largest request that is still of use. */
export const REQUEST_TIMEOUT_MS = 10 * 60_000
/** A client that vanished without a word (no FIN) in the middle would hold its upload and its temporary file. */
export const SOCKET_IDLE_MS = 60_000
/** An idle connection of a client that is gone would stay open for ever. */
export const KEEP_ALIVE_MS = 15_000
/** Kafka without a leader must not hold the client: it is told 503 and tries again with the same key. */
export const PRODUCE_TIMEOUT_MS = 15_000
/** Records that wait for Kafka: while it is away they must not fill memory. */
export const MAXIMUM_WAITING_RECORDS = 2_000
/** A stop that waits for a slow upload would be killed in the middle of everything else. */
export const CLOSE_TIMEOUT_MS = 8_000
/** What a client waits before it tries again after a 503. */
export const RETRY_AFTER_SECONDS = 5

export const MAXIMUM_KEY_LENGTH = 128
export const MAXIMUM_FILE_NAME_LENGTH = 255
export const PAGE = { default: 50, most: 500 } as const

/** A search's text is a few words; a page of hits carries their passages. */
export const SEARCH = { textLength: 500, page: 10, mostHits: 50 } as const
/** A search of a tenant with very many documents takes seconds, and one of a few connections: the other tenants keep some. */
export const SEARCHES = { atOnce: 32, perTenant: 6 } as const
/** A search does not wait longer for the embedding of its text: words alone rank then. (Where the model is a process: so long for its turn, so long for it.) */
export const EMBEDDING_TIMEOUT_MS = 3_000
/** A question holds a request to the model open: so many at once, and no tenant takes them all. */
export const ASK = { bodyBytes: 16 * 1024, questionLength: 1_000, documents: 8, passages: 8, atOnce: 4, perTenant: 2 } as const

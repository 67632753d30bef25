/**
 * What a failed task's stack trace says. The trace itself is never shown or logged: a database's message quotes the
 * row. Exception classes and SQL states hold no content.
 */
export interface TaskFailure {
  /** `store`: it cannot now, and waiting helps. `unknown`: the record, the table, or something nobody thought of. */
  kind: 'store' | 'unknown'
  /** Exception classes from the outermost to the root, with the SQL state where one is known. */
  summary: string
}

/** What means "not now" whatever the record: the store is away, or lets the sink not in. */
const STORE = [
  /\bConnectException: Connection refused/,
  /\b(SocketTimeoutException|UnknownHostException|NoRouteToHostException|EOFException|SocketException)\b/,
  /\b(AllNodesFailedException|NoNodeAvailableException|DriverTimeoutException|UnavailableException|WriteTimeoutException|OverloadedException)\b/,
  /\b(JDBCConnectionException|CannotCreateTransactionException|SQLTransientConnectionException|SQLRecoverableException)\b/,
  /the database system is (starting up|shutting down|in recovery mode|not yet accepting connections)/,
  /terminating connection due to/,
  /An I\/O error occurred while sending to the backend/,
  /The connection attempt failed/,
  /This connection has been closed/,
  /Acquisition timeout while waiting for new connection/,
  /too many clients already/,
  /javax\.net\.ssl\.SSL\w*Exception/,
  /FATAL: (password authentication failed|no pg_hba\.conf entry) for /
]

/** What PostgreSQL's messages mean, where the trace has no SQL state. */
const SQL_STATES: readonly [RegExp, string][] = [
  [/invalid input syntax for type/, '22P02'],
  [/unsupported Unicode escape sequence/, '22P05'],
  [/invalid byte sequence for encoding/, '22021'],
  [/out of range/, '22003'],
  [/value too long for type/, '22001'],
  [/violates not-null constraint/, '23502'],
  [/violates (unique|foreign key|check|exclusion) constraint/, '23000'],
  [/index row .*exceeds/, '54000'],
  [/permission denied/, '42501'],
  [/FATAL: password authentication failed for /, '28P01'],
  [/FATAL: no pg_hba\.conf entry for /, '28000'],
  [/relation .* does not exist/, '42P01'],
  [/column .* does not exist/, '42703']
]

/** Our own sink's words for a store that lets nobody in. */
const REFUSAL = /Cassandra refuses cassandra\.username with cassandra\.password|TLS with Cassandra fails/

export function taskFailure(trace: string | undefined): TaskFailure {
  const text = trace ?? ''
  const classes = [...text.matchAll(/^(?:Caused by: )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*)/gm)].map((match) => match[1]!.split('.').at(-1)!)
  const state = SQL_STATES.find(([pattern]) => pattern.test(text))?.[1]
  const summary = [...new Set(classes)].join(' ← ') || 'no stack trace'
  const why = state === undefined ? REFUSAL.exec(text)?.[0] : `SQL state ${state}`
  return {
    kind: STORE.some((pattern) => pattern.test(text)) ? 'store' : 'unknown',
    summary: why === undefined ? summary : `${summary} (${why})`
  }
}

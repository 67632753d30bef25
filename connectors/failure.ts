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

/** Exceptions that mean "not now" whatever the record. */
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
  /too many clients already/
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
  [/relation .* does not exist/, '42P01'],
  [/column .* does not exist/, '42703']
]

export function taskFailure(trace: string | undefined): TaskFailure {
  const text = trace ?? ''
  const classes = [...text.matchAll(/^(?:Caused by: )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*)/gm)].map((match) => match[1]!.split('.').at(-1)!)
  const state = SQL_STATES.find(([pattern]) => pattern.test(text))?.[1]
  const summary = [...new Set(classes)].join(' ← ') || 'no stack trace'
  return {
    kind: STORE.some((pattern) => pattern.test(text)) ? 'store' : 'unknown',
    summary: state === undefined ? summary : `${summary} (SQL state ${state})`
  }
}

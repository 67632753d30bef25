export interface WantedError {
  readonly code: string
  readonly message?: RegExp
  readonly cause?: { readonly code: string }
}

/** What the suites need of a test: a part of `tap`'s `t`, so that any runner with these few methods will do. */
export interface SuiteTest {
  // biome-ignore lint/suspicious/noExplicitAny: a runner hands its own richer `t` to the body
  test(name: string, body: (t: any) => Promise<void> | void): PromiseLike<unknown>
  equal(found: unknown, wanted: unknown, ...message: [] | [string]): unknown
  same(found: unknown, wanted: unknown, ...message: [] | [string]): unknown
  ok(value: unknown, ...message: [] | [string]): unknown
  throws(body: () => unknown, wanted: WantedError, ...message: [] | [string]): unknown
  rejects(promise: Promise<unknown>, wanted: WantedError, ...message: [] | [string]): PromiseLike<unknown>
  /** A new empty folder, removed with the test. */
  testdir(): string
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString('latin1')
}

/** Rows as `key=value` lines. */
export function lines(rows: Iterable<readonly [Uint8Array, Uint8Array]>): string[] {
  const all: string[] = []
  for (const [key, value] of rows) {
    all.push(`${text(key)}=${text(value)}`)
  }
  return all
}

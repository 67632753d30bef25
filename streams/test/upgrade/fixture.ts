/** What a version leaves behind: rows on disk, changelogs, committed offsets, what members tell each other. Bytes in hex. */
export interface Fixture {
  readonly version: string
  readonly applicationId: string
  readonly prefix: string
  /** By task: every row of its database. */
  readonly databases: { readonly [task: string]: readonly (readonly [key: string, value: string])[] }
  /** By topic: the records of partition 0. */
  readonly changelogs: { readonly [topic: string]: readonly { readonly key: string; readonly value: string | null; readonly timestamp: number }[] }
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: number; readonly metadata: string }[]
  readonly members: readonly { readonly metadata: string; readonly assignment: string }[]
}

import type { Outcome } from './case.ts'

/** What two outcomes do not have in common, in words; empty when they are equal. */
export function differencesBetween(java: Outcome, ours: Outcome): string[] {
  return [...parts('topic', java.topics, ours.topics), ...parts('store', java.stores, ours.stores)]
}

type Rows = { readonly [name: string]: readonly unknown[] }

function parts(what: string, java: Rows, ours: Rows): string[] {
  const found: string[] = []
  for (const name of [...new Set([...Object.keys(java), ...Object.keys(ours)])].sort()) {
    const left = (java[name] ?? []).map((row) => JSON.stringify(row))
    const right = (ours[name] ?? []).map((row) => JSON.stringify(row))
    const at = left.findIndex((row, index) => row !== right[index])
    const first = at === -1 ? (right.length > left.length ? left.length : -1) : at
    if (first !== -1) {
      const [java, ours] = [left, right].map((rows) => `${rows[first] ?? 'ends'} (${rows.length} rows)`)
      found.push(`${what} ${name}, row ${first}: Kafka Streams ${java}, Millrace ${ours}`)
    }
  }
  return found
}

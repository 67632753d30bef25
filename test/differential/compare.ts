import { type Case, type Outcome, type Output, waits } from './case.ts'

/**
 * What two outcomes do not have in common, in words; empty when they are equal. With the case, results of left and
 * outer joins of streams may come in another order, and ours may have more records without partner: Kafka Streams gives
 * these out later than it could, or not at all before the input ends (`deliberate/`).
 * Of late input it may have more: it takes a late record for one without partner at once.
 */
export function differencesBetween(java: Outcome, ours: Outcome, { operators = [], inputs = [] }: Partial<Pick<Case, 'operators' | 'inputs'>> = {}): string[] {
  const times = inputs.flatMap((input) => ('advance' in input ? [] : [input.timestamp]))
  const lateInput = times.some((time, index) => index > 0 && time < times[index - 1]!)
  const late = new Set(operators.flatMap((operator, position) => (waits(operator) ? [`out-${position}`] : [])))
  const inOrder = (topics: Outcome['topics']) => Object.fromEntries(Object.entries(topics).filter(([topic]) => !late.has(topic)))
  return [
    ...parts('topic', inOrder(java.topics), inOrder(ours.topics)),
    ...[...late].flatMap((topic) => withoutOrder(topic, java.topics[topic] ?? [], ours.topics[topic] ?? [], lateInput)),
    ...parts('store', java.stores, ours.stores),
  ]
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
      const [theirs, own] = [left, right].map((rows) => `${rows[first] ?? 'ends'} (${rows.length} rows)`)
      found.push(`${what} ${name}, row ${first}: Kafka Streams ${theirs}, Millrace ${own}`)
    }
  }
  return found
}

function withoutOrder(topic: string, java: readonly Output[], ours: readonly Output[], lateInput: boolean): string[] {
  const missing = new Map<string, number>()
  for (const row of java) {
    const text = JSON.stringify(row)
    missing.set(text, (missing.get(text) ?? 0) + 1)
  }
  const surplus: string[] = []
  for (const row of ours) {
    const text = JSON.stringify(row)
    const count = missing.get(text) ?? 0
    if (count > 0) {
      missing.set(text, count - 1)
    } else if (!isAlone(row)) {
      surplus.push(text)
    }
  }
  return [
    ...[...missing].filter(([row, count]) => count > 0 && !(lateInput && isAlone(JSON.parse(row) as Output))).map(([row]) => `topic ${topic}: only Kafka Streams has ${row}`),
    ...surplus.map((row) => `topic ${topic}: only Millrace has ${row}`),
  ]
}

/** Perhaps a record without partner: the functions of cases write `null` for what is not there. */
function isAlone([, value]: Output): boolean {
  return value === null || value.includes('null')
}

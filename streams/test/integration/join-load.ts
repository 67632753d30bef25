/** Two joins, what goes into them, and what must come out. */
import { JoinWindows, Serdes, type StreamsBuilder } from '../../index.ts'
import type { OutputRecord, TestCluster } from './streams-support.ts'

export interface JoinSettings {
  readonly clicks: string
  readonly views: string
  readonly seen: string
  readonly orders: string
  readonly customers: string
  readonly priced: string
}

const strings = { key: Serdes.string(), value: Serdes.string() }
const WITHIN = 100
const HOUR = 3_600_000

/** An outer join of streams, one of them repartitioned, and one by foreign key between topics of unequal partitions. */
export function joins(b: StreamsBuilder, settings: JoinSettings): void {
  b.stream(settings.clicks, strings)
    .map((_key, value) => value.split(' ') as [string, string], strings)
    .outerJoin(
      b.stream(settings.views, strings),
      (click, view) => `${click}+${view}`,
      JoinWindows.ofTimeDifferenceAndGrace(WITHIN, '12h'),
      { name: 'seen', value: Serdes.string() }
    )
    .to(settings.seen)
  b.table(settings.orders, strings)
    .outerJoin(
      b.table(settings.customers, strings),
      (value) => value,
      (value, name) => `${value}=${name}`,
      { name: 'priced', value: Serdes.string(), rightKey: (customer) => `only-${customer}` }
    )
    .toStream()
    .to(settings.priced)
}

export async function joinTopics(cluster: TestCluster, name: string): Promise<JoinSettings> {
  const compact = { 'cleanup.policy': 'compact' }
  const [clicks, views, seen, orders, customers, priced] = await Promise.all([
    cluster.topic(`${name}-clicks`, 3),
    cluster.topic(`${name}-views`, 3),
    cluster.topic(`${name}-seen`, 3),
    cluster.topic(`${name}-orders`, 3, compact),
    cluster.topic(`${name}-customers`, 2, compact),
    cluster.topic(`${name}-priced`, 3),
  ])
  return { clicks, views, seen, orders, customers, priced }
}

/** Every topic that must have been read to its end before all results are there, in the order they are filled. */
export function joinInputs(applicationId: string, { clicks, views, orders, customers }: JoinSettings): readonly string[] {
  const internal = ['seen-left-repartition', 'priced-subscription-registration-topic', 'priced-subscription-response-topic']
  return [clicks, views, orders, customers, ...internal.map((name) => `${applicationId}-${name}`)]
}

interface Event {
  readonly key: string
  readonly value: string
  readonly timestamp: number
}

export class JoinLoad {
  readonly #cluster: TestCluster
  readonly #settings: JoinSettings
  readonly #began = Date.now() - 24 * HOUR
  readonly #left: Event[] = []
  readonly #right: Event[] = []
  readonly #orders = new Map<string, string | null>()
  readonly #customers = new Map<string, string | null>()
  #phase = 0

  constructor(cluster: TestCluster, settings: JoinSettings) {
    this.#cluster = cluster
    this.#settings = settings
  }

  /** Sends `count` records to each topic. Each phase overlaps the one before in time, and changes some of its rows. */
  async send(count: number): Promise<void> {
    const phase = this.#phase++
    const left = this.#events('c', phase, count, 3)
    const right = this.#events('v', phase, count, 5)
    this.#left.push(...left)
    this.#right.push(...right)
    const { clicks, views, orders, customers } = this.#settings
    await Promise.all([
      this.#cluster.send(clicks, left.map(({ key, value, timestamp }) => ({ key: 'any', value: `${key} ${value}`, timestamp }))),
      this.#cluster.send(views, right),
      this.#cluster.send(customers, this.#customerRows(phase)),
      this.#cluster.send(orders, this.#orderRows(phase, count)),
    ])
  }

  /** Time goes on in every partition: everything that waits is told. */
  async finish(): Promise<void> {
    const timestamp = this.#began + 24 * HOUR
    await this.#cluster.send(
      this.#settings.views,
      [0, 1, 2].map((partition) => ({ key: `end${partition}`, value: 'end', partition, timestamp }))
    )
  }

  /** Every result of the streams as `key value@timestamp`, sorted. */
  expectedSeen(): string[] {
    const near = (a: Event, b: Event) => Math.abs(a.timestamp - b.timestamp) <= WITHIN
    const left = Map.groupBy(this.#left, ({ key }) => key)
    const right = Map.groupBy(this.#right, ({ key }) => key)
    const expected: string[] = []
    for (const l of this.#left) {
      const partners = (right.get(l.key) ?? []).filter((r) => near(l, r))
      for (const r of partners) {
        expected.push(`${l.key} ${l.value}+${r.value}@${Math.max(l.timestamp, r.timestamp)}`)
      }
      if (partners.length === 0) {
        expected.push(`${l.key} ${l.value}+null@${l.timestamp}`)
      }
    }
    for (const r of this.#right.filter((each) => !left.get(each.key)?.some((l) => near(l, each)))) {
      expected.push(`${r.key} null+${r.value}@${r.timestamp}`)
    }
    return expected.sort()
  }

  async foundSeen(): Promise<string[]> {
    const records = await this.#cluster.committed(this.#settings.seen)
    return records.map((record) => `${text(record.key)} ${text(record.value)}@${record.timestamp}`).sort()
  }

  /** The row of each order that there is, and of each customer without one, sorted. */
  expectedPriced(): [string, string][] {
    const rows = [...this.#orders].flatMap(([order, customer]): [string, string][] =>
      customer === null ? [] : [[order, `${customer}=${this.#customers.get(customer) ?? null}`]]
    )
    const named = new Set(this.#orders.values())
    for (const [customer, name] of this.#customers) {
      if (name !== null && !named.has(customer)) {
        rows.push([`only-${customer}`, `null=${name}`])
      }
    }
    return rows.sort()
  }

  async foundPriced(): Promise<[string, string][]> {
    const records: readonly OutputRecord[] = await this.#cluster.committed(this.#settings.priced)
    const last = new Map(records.map(({ key, value }) => [key!.toString(), value]))
    return [...last].flatMap(([key, value]): [string, string][] => (value === null ? [] : [[key, value.toString()]])).sort()
  }

  #events(what: string, phase: number, count: number, step: number): Event[] {
    return Array.from({ length: count }, (_, i) => ({
      key: `k${(i * step) % 23}`,
      value: `${what}${phase}.${i}`,
      timestamp: this.#began + phase * 5_000 + ((i * 7 * step) % 10_000),
    }))
  }

  #customerRows(phase: number) {
    const rows = Array.from({ length: 40 }, (_, i) => ({ key: `c${i}`, value: (i + phase) % 5 === 0 ? null : `n${phase}.${i}` }))
    for (const { key, value } of rows) {
      this.#customers.set(key, value)
    }
    return rows
  }

  #orderRows(phase: number, count: number) {
    // Of the rows of earlier phases some stay as they are: only their subscriptions know what a new customer means to them.
    const rows = Array.from({ length: count }, (_, i) => i)
      .filter((i) => phase === 0 || i % 3 !== 0)
      .map((i) => ({ key: `o${i}`, value: phase > 0 && i % 7 === 0 ? null : `c${(i * (phase + 2)) % 30}` }))
    for (const { key, value } of rows) {
      this.#orders.set(key, value)
    }
    return rows
  }
}

function text(bytes: Buffer | null): string {
  return bytes === null ? 'null' : bytes.toString()
}

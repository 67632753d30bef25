import type { KafkaCluster } from 'millrace/kafka'
import type { Registry } from '../avro/index.ts'
import type { RuleSetRefusal } from '../avro/types.ts'
import { valueSerde } from '../topology/serdes.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import { decode, TopicFollower } from '../topology/topic-follower.ts'
import type { Topics } from '../topology/topics.ts'

/** A version of a rule set that is not in force; the last good one of its id, or the built-in rules, are. */
export interface RefusedRuleSet {
  readonly tenant: string
  readonly ruleSetId: string
  readonly version: number
  /** ms since the epoch */
  readonly at: number
  /** The first of them. Examples carry names that a tenant gave them: of one that failed only its place is shown. */
  readonly reasons: readonly { readonly code: string; readonly field: string | null; readonly message: string | null }[]
  /** How many there are. */
  readonly errors: number
}

/** A tenant that writes a thousand bad sets must not fill memory, or the page; it pushes out its own. */
const KEPT = 100
const SHOWN_REASONS = 5

export interface RefusedRuleSetsOptions {
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly topics: Topics
  readonly tenants: Pick<TenantDirectory, 'label'>
  onWarning(message: string): void
}

/** What rules.refused says now: a refusal goes when a later version of its set is accepted, or the set is deleted. */
export class RefusedRuleSets {
  /** In the order in which they were refused. */
  readonly #refused = new Map<string, RuleSetRefusal>()
  readonly #tenants: Pick<TenantDirectory, 'label'>
  readonly #follower: TopicFollower

  constructor({ cluster, registry, topics, tenants, onWarning }: RefusedRuleSetsOptions) {
    const topic = topics.rulesRefused.name
    const serde = valueSerde(registry, topics.rulesRefused, 'RuleSetRefusal')
    this.#tenants = tenants
    this.#follower = new TopicFollower({
      cluster,
      topic,
      from: 'earliest',
      onWarning,
      onRecord: async (key, value) => this.note(Buffer.from(key ?? '').toString('utf8'), value === null ? null : await decode(serde, topic, value)),
    })
  }

  async start(): Promise<void> {
    await this.#follower.start()
  }

  note(key: string, refusal: RuleSetRefusal | null): void {
    this.#refused.delete(key)
    if (refusal !== null) {
      this.#refused.set(key, refusal)
    }
    if (this.#refused.size > KEPT) {
      const byTenant = Map.groupBy(this.#refused, ([, { tenantId }]) => tenantId)
      const [oldest] = [...byTenant.values()].reduce((most, own) => (own.length > most.length ? own : most))
      this.#refused.delete(oldest![0])
    }
  }

  /** The newest first. */
  list(): readonly RefusedRuleSet[] {
    return [...this.#refused.values()].reverse().map(({ tenantId, ruleSetId, version, at, reasons }) => ({
      tenant: this.#tenants.label(tenantId),
      ruleSetId,
      version,
      at,
      reasons: reasons.slice(0, SHOWN_REASONS).map(({ code, field, message }) => ({ code, field, message: code === 'RULE_EXAMPLE_FAILED' ? null : message })),
      errors: reasons.length,
    }))
  }

  async close(): Promise<void> {
    await this.#follower.close()
  }
}

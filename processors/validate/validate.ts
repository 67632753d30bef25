import type { NestedCondition, TopLevelCondition } from 'json-rules-engine'
import { Engine, Operator } from 'json-rules-engine'
import type { DocumentType, Extraction, RuleResult, Validation } from '../types.ts'
import defaultRules from './default-rules.json' with { type: 'json' }
import { en16931Facts, en16931RuleSet } from './en16931/index.ts'
import { measure } from './measures.ts'
import type { Condition, Rule, RuleSet } from './rule-set.ts'
import type { Matcher } from './pattern.ts'
import { parsePattern } from './pattern.ts'
import { checkRuleSet } from './rule-set.ts'

export const defaultRuleSet: RuleSet = defaultRules as RuleSet

export class RuleSetInvalid extends Error {
  readonly code = 'RULE_SET_INVALID'

  constructor(ruleSetId: string, field: string, reason: string) {
    super(`rule set ${ruleSetId}: ${field}: ${reason}`)
    this.name = 'RuleSetInvalid'
  }
}

export interface ValidateInput {
  readonly type: DocumentType
  readonly extraction: Extraction
  /** YYYY-MM-DD of the record's time. */
  readonly receivedDay: string
}

export interface Validator {
  readonly ruleSet: RuleSet
  /**
   * Deterministic; never throws for what stands in a document. An e-invoice of EN 16931 is held to the rules of the standard besides, of
   * which only those are reported that apply; a rule of the same id in the rule set takes its place.
   */
  validate(input: ValidateInput): Promise<Validation>
}

/**
 * Compiles a rule set once for many documents. Keep the last validator that could be made when a newer rule set cannot.
 * @throws RuleSetInvalid
 */
export function createValidator(ruleSet: RuleSet = defaultRuleSet): Validator {
  const [error] = checkRuleSet(ruleSet)
  if (error !== undefined) {
    throw new RuleSetInvalid(typeof ruleSet?.id === 'string' ? ruleSet.id.slice(0, 63) : '', error.field, error.reason)
  }
  const own = new Compiled(ruleSet.rules)
  const ids = new Set(ruleSet.rules.map((rule) => rule.id))
  const standard = new Compiled(en16931RuleSet.rules.filter((rule) => !ids.has(rule.id)))
  return {
    ruleSet,
    async validate(input) {
      const en16931 = en16931Facts(input.extraction)
      const facts = {
        fields: input.extraction.fields,
        measures: measure(input.extraction, input.receivedDay),
        document: { type: input.type, lines: input.extraction.lines, taxes: input.extraction.taxes },
        en16931,
      }
      const results = await own.run(input.type, facts)
      if (Object.keys(en16931).length > 0) {
        results.push(...(await standard.run(input.type, facts)).filter((result) => result.outcome !== 'not-applicable'))
      }
      return {
        ruleSetId: ruleSet.id,
        ruleSetVersion: ruleSet.version,
        results,
        valid: !results.some((result) => result.severity === 'hard' && result.outcome === 'failed'),
      }
    },
  }
}

/** Rules with the engines made of them, one for each type of document, when the first of that type comes. */
class Compiled {
  readonly #rules: readonly Rule[]
  readonly #engines = new Map<DocumentType, { readonly rules: readonly Rule[]; readonly engine: Engine }>()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  async run(type: DocumentType, facts: Record<string, unknown>): Promise<RuleResult[]> {
    let compiled = this.#engines.get(type)
    if (compiled === undefined) {
      const rules = this.#rules.filter((rule) => rule.types === undefined || rule.types.includes(type))
      compiled = { rules, engine: compile(rules) }
      this.#engines.set(type, compiled)
    }
    const { events } = await compiled.engine.run(facts)
    const held = new Set(events.map((event) => event.type))
    return compiled.rules.map((rule) => ({
      ruleId: rule.id,
      ruleVersion: rule.version,
      severity: rule.severity,
      outcome: !held.has(`when:${rule.id}`) ? 'not-applicable' : held.has(`require:${rule.id}`) ? 'passed' : 'failed',
      fields: rule.fields,
      message: rule.message,
    }))
  }
}

function compile(rules: readonly Rule[]): Engine {
  const engine = new Engine([], { allowUndefinedFacts: true, pathResolver: resolvePath })
  // json-rules-engine brings operators of its own; only ours stay.
  for (const name of ['equal', 'notEqual', 'in', 'notIn', 'contains', 'doesNotContain', 'lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive']) {
    engine.removeOperator(name)
  }
  for (const operator of operators()) {
    engine.addOperator(operator)
  }
  for (const rule of rules) {
    engine.addRule({ name: `when:${rule.id}`, conditions: topLevel(rule.when ?? always), event: { type: `when:${rule.id}` } })
    engine.addRule({ name: `require:${rule.id}`, conditions: topLevel(rule.require), event: { type: `require:${rule.id}` } })
  }
  return engine
}

const always: Condition = { fact: 'document', path: 'type', operator: 'present', value: true }

function topLevel(condition: Condition): TopLevelCondition {
  return { all: [nested(condition)] }
}

function nested(condition: Condition): NestedCondition {
  if ('all' in condition) {
    return { all: condition.all.map(nested) }
  }
  if ('any' in condition) {
    return { any: condition.any.map(nested) }
  }
  if ('not' in condition) {
    return { not: nested(condition.not) }
  }
  const { fact, path, operator, value } = condition
  return { fact, operator, value, ...(path === undefined ? {} : { path }) }
}

/**
 * Own keys along names with dots between, and nothing else. The engine's default is JSONPath, whose expressions have run code.
 */
export function resolvePath(value: unknown, path: string): unknown {
  let at: unknown = value
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) {
      return undefined
    }
    at = (at as Record<string, unknown>)[part]
  }
  return at
}

/** Numbers compare as numbers, also when they are decimal strings, as amounts are; days compare as text. */
function operators(): Operator[] {
  const ordered = (test: (order: number) => boolean) => (a: unknown, b: unknown): boolean => {
    const order = compare(a, b)
    return order !== undefined && test(order)
  }
  const text = (test: (a: string, b: string) => boolean) => (a: unknown, b: unknown): boolean => typeof a === 'string' && typeof b === 'string' && test(a, b)
  // one matcher per pattern of the set
  const matchers = new Map<string, Matcher>()
  const matches = (value: string, pattern: string): boolean => {
    let matcher = matchers.get(pattern)
    if (matcher === undefined) {
      const parsed = parsePattern(pattern)
      matcher = 'matches' in parsed ? parsed.matches : () => false
      matchers.set(pattern, matcher)
    }
    return matcher(value)
  }
  return [
    new Operator('equal', (a, b) => a === b),
    new Operator('notEqual', (a, b) => a !== b),
    new Operator('lessThan', ordered((order) => order < 0)),
    new Operator('lessThanInclusive', ordered((order) => order <= 0)),
    new Operator('greaterThan', ordered((order) => order > 0)),
    new Operator('greaterThanInclusive', ordered((order) => order >= 0)),
    new Operator('in', (a, b) => Array.isArray(b) && b.includes(a)),
    new Operator('notIn', (a, b) => Array.isArray(b) && !b.includes(a)),
    new Operator('contains', text((a, b) => a.includes(b))),
    new Operator('startsWith', text((a, b) => a.startsWith(b))),
    new Operator('endsWith', text((a, b) => a.endsWith(b))),
    new Operator('matches', text(matches)),
    new Operator('present', (a, b) => (a !== undefined && a !== null && a !== '') === b),
  ]
}

function compare(a: unknown, b: unknown): number | undefined {
  if (typeof a === 'string' && typeof b === 'string') {
    return a < b ? -1 : a > b ? 1 : 0
  }
  const x = numberOf(a)
  const y = numberOf(b)
  return x === undefined || y === undefined ? undefined : x - y
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'number' ? value : typeof value === 'string' && /^-?\d{1,24}(?:\.\d{1,12})?$/.test(value) ? Number(value) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}

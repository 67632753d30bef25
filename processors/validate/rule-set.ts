import type { DocumentType, Severity } from '../types.ts'
import { documentTypes } from '../types.ts'
import type { RuleExample } from './examples.ts'
import { checkExample } from './examples.ts'
import { isFactPath } from './fact-paths.ts'
import { parsePattern } from './pattern.ts'

/** A comparison of one fact. `path` leads into the fact, dots between names: `seller.vatId.normalised`. */
export interface Comparison {
  readonly fact: FactName
  readonly path?: string
  readonly operator: OperatorName
  readonly value: string | number | boolean | readonly (string | number)[]
}

export type Condition = Comparison | { readonly all: readonly Condition[] } | { readonly any: readonly Condition[] } | { readonly not: Condition }

export interface Rule {
  /** `[a-z0-9][a-z0-9-]{0,62}` */
  readonly id: string
  readonly version: number
  readonly severity: Severity
  /** Absent: all types. */
  readonly types?: readonly DocumentType[]
  /** The rule applies when this holds. Absent: always. */
  readonly when?: Condition
  /** What has to hold. */
  readonly require: Condition
  /** The fields it is about, for people and for review. */
  readonly fields: readonly string[]
  /** For people; a constant, nothing of the document goes in. */
  readonly message: string
}

/** Rules as data: a versioned record of a topic, checked before it is used. */
export interface RuleSet {
  readonly id: string
  readonly version: number
  readonly rules: readonly Rule[]
  /** Documents with what the rules have to say about them: run before the set is used. */
  readonly examples?: readonly RuleExample[]
}

export const factNames = ['fields', 'measures', 'document', 'en16931'] as const
export type FactName = (typeof factNames)[number]

/** The whole list: nobody adds one from data. All are linear in what they compare. */
export const operatorNames = [
  'equal', 'notEqual', 'lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive', 'in', 'notIn', 'contains', 'startsWith', 'endsWith', 'matches', 'present',
] as const
export type OperatorName = (typeof operatorNames)[number]

export const ruleSetBounds = { maxRules: 200, maxExamples: 100, maxDepth: 6, maxConditions: 50, maxListLength: 1000, maxTextLength: 500, maxPathParts: 8, maxBytes: 256 * 1024 } as const

export interface RuleSetError {
  /** Where: `rules[3].require.all[0].operator`. */
  readonly field: string
  readonly reason: string
}

const idPattern = /^[a-z0-9][a-z0-9-]{0,62}$/
const pathPartPattern = /^[A-Za-z][A-Za-z0-9]{0,39}$|^\d{1,4}$/

/**
 * Everything that is wrong with a rule set, nothing if it may be used. Takes anything: it comes from outside. Structure, sizes, operators,
 * paths; no expression of any kind is accepted anywhere.
 */
export function checkRuleSet(ruleSet: unknown): RuleSetError[] {
  const errors: RuleSetError[] = []
  const wrong = (field: string, reason: string): void => {
    if (errors.length < 50) {
      errors.push({ field, reason })
    }
  }
  if (!isObject(ruleSet)) {
    return [{ field: '', reason: 'an object expected' }]
  }
  if (tooLarge(ruleSet)) {
    return [{ field: '', reason: `more than ${ruleSetBounds.maxBytes} bytes of JSON, or not JSON` }]
  }
  onlyKeys(ruleSet, ['id', 'version', 'rules', 'examples'], '', wrong)
  checkId(ruleSet['id'], 'id', wrong)
  checkVersion(ruleSet['version'], 'version', wrong)
  const rules = ruleSet['rules']
  if (!Array.isArray(rules) || rules.length > ruleSetBounds.maxRules) {
    wrong('rules', `a list of at most ${ruleSetBounds.maxRules} expected`)
    return errors
  }
  const ids = new Set<unknown>()
  for (const [n, rule] of (rules as unknown[]).entries()) {
    checkRule(rule, `rules[${n}]`, wrong)
    const id = isObject(rule) ? rule['id'] : undefined
    if (ids.has(id)) {
      wrong(`rules[${n}].id`, 'stands there twice')
    }
    ids.add(id)
  }
  const examples = ruleSet['examples'] ?? []
  if (!Array.isArray(examples) || examples.length > ruleSetBounds.maxExamples) {
    wrong('examples', `a list of at most ${ruleSetBounds.maxExamples} expected`)
    return errors
  }
  for (const [n, example] of (examples as unknown[]).entries()) {
    checkExample(example, `examples[${n}]`, ids, wrong)
  }
  return errors
}

export type Wrong = (field: string, reason: string) => void

function checkRule(rule: unknown, at: string, wrong: Wrong): void {
  if (!isObject(rule)) {
    wrong(at, 'an object expected')
    return
  }
  onlyKeys(rule, ['id', 'version', 'severity', 'types', 'when', 'require', 'fields', 'message'], at, wrong)
  checkId(rule['id'], `${at}.id`, wrong)
  checkVersion(rule['version'], `${at}.version`, wrong)
  if (rule['severity'] !== 'hard' && rule['severity'] !== 'soft') {
    wrong(`${at}.severity`, 'hard or soft expected')
  }
  const types = rule['types']
  if (types !== undefined && (!Array.isArray(types) || types.length === 0 || !types.every((type) => documentTypes.includes(type as DocumentType)))) {
    wrong(`${at}.types`, `some of ${documentTypes.join(', ')} expected`)
  }
  const fields = rule['fields']
  if (!Array.isArray(fields) || fields.length > 20 || !fields.every((field) => typeof field === 'string' && isPath(field))) {
    wrong(`${at}.fields`, 'at most 20 field paths expected')
  }
  if (typeof rule['message'] !== 'string' || rule['message'].length > ruleSetBounds.maxTextLength) {
    wrong(`${at}.message`, `a text of at most ${ruleSetBounds.maxTextLength} characters expected`)
  }
  const budget = { left: ruleSetBounds.maxConditions as number }
  if (rule['when'] !== undefined) {
    checkCondition(rule['when'], `${at}.when`, 1, budget, wrong)
  }
  checkCondition(rule['require'], `${at}.require`, 1, budget, wrong)
}

function checkCondition(condition: unknown, at: string, depth: number, budget: { left: number }, wrong: Wrong): void {
  budget.left -= 1
  if (budget.left < 0 || depth > ruleSetBounds.maxDepth) {
    wrong(at, `at most ${ruleSetBounds.maxConditions} conditions in a rule, nested at most ${ruleSetBounds.maxDepth} deep`)
    return
  }
  if (!isObject(condition)) {
    wrong(at, 'a condition expected')
    return
  }
  const keys = Object.keys(condition)
  if (keys.length === 1 && (keys[0] === 'all' || keys[0] === 'any')) {
    const parts: unknown = condition[keys[0]]
    if (!Array.isArray(parts) || parts.length === 0) {
      wrong(`${at}.${keys[0]}`, 'a list of conditions expected')
      return
    }
    for (const [n, part] of (parts as unknown[]).entries()) {
      if (budget.left < 0) {
        return
      }
      checkCondition(part, `${at}.${keys[0]}[${n}]`, depth + 1, budget, wrong)
    }
    return
  }
  if (keys.length === 1 && keys[0] === 'not') {
    checkCondition(condition['not'], `${at}.not`, depth + 1, budget, wrong)
    return
  }
  onlyKeys(condition, ['fact', 'path', 'operator', 'value'], at, wrong)
  if (!factNames.includes(condition['fact'] as FactName)) {
    wrong(`${at}.fact`, `one of ${factNames.join(', ')} expected`)
  }
  if (condition['path'] !== undefined && (typeof condition['path'] !== 'string' || !isPath(condition['path']))) {
    wrong(`${at}.path`, 'names with dots between them expected')
  } else if (condition['path'] !== undefined && factNames.includes(condition['fact'] as FactName) && !isFactPath(condition['fact'] as string, condition['path'] as string)) {
    wrong(`${at}.path`, `${condition['fact'] as string} has no ${(condition['path'] as string).slice(0, 100)}: see docs/rules.md for the names`)
  }
  if (!operatorNames.includes(condition['operator'] as OperatorName)) {
    wrong(`${at}.operator`, `one of ${operatorNames.join(', ')} expected`)
  }
  checkValue(condition['operator'], condition['value'], `${at}.value`, wrong)
}

function checkValue(operator: unknown, value: unknown, at: string, wrong: Wrong): void {
  const isScalar = (one: unknown): boolean => (typeof one === 'string' && one.length <= ruleSetBounds.maxTextLength) || (typeof one === 'number' && Number.isFinite(one))
  if (operator === 'in' || operator === 'notIn') {
    if (!Array.isArray(value) || value.length > ruleSetBounds.maxListLength || !value.every(isScalar)) {
      wrong(at, `a list of at most ${ruleSetBounds.maxListLength} texts or numbers expected`)
    }
  } else if (operator === 'matches') {
    const parsed = typeof value === 'string' ? parsePattern(value) : { reason: 'a pattern expected' }
    if ('reason' in parsed) {
      wrong(at, parsed.reason)
    }
  } else if (operator === 'present') {
    if (typeof value !== 'boolean') {
      wrong(at, 'true or false expected')
    }
  } else if (!isScalar(value) && typeof value !== 'boolean') {
    wrong(at, 'a text, a number, true or false expected')
  }
}

/** Own, plain names only: nothing that leads to a prototype or means anything else than a key. */
export function isPath(path: string): boolean {
  const parts = path.split('.')
  return parts.length <= ruleSetBounds.maxPathParts && parts.every((part) => pathPartPattern.test(part) && part !== 'constructor' && part !== 'prototype')
}

function checkId(id: unknown, at: string, wrong: Wrong): void {
  if (typeof id !== 'string' || !idPattern.test(id)) {
    wrong(at, '1 to 63 lower-case letters, digits and hyphens expected')
  }
}

function checkVersion(version: unknown, at: string, wrong: Wrong): void {
  if (!Number.isSafeInteger(version) || (version as number) < 1) {
    wrong(at, 'an integer from 1 on expected')
  }
}

export function onlyKeys(object: Record<string, unknown>, known: readonly string[], at: string, wrong: Wrong): void {
  const extra = Object.keys(object).filter((key) => !known.includes(key))
  if (extra.length > 0) {
    wrong(at, `only ${known.join(', ')} expected`)
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function tooLarge(value: unknown): boolean {
  try {
    return Buffer.byteLength(JSON.stringify(value)) > ruleSetBounds.maxBytes
  } catch {
    return true
  }
}

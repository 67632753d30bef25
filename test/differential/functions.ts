/** The functions of random topologies. Functions.java is this file in Java, line by line: both must give the same. */
import type { Windowed } from 'millrace'
import type { Combiner, Condition, KeyFunction, ValueFunction } from './case.ts'

/** Text only, and cut, because aggregates of aggregates grow. Input has no surrogate pairs that a cut could halve. */
const LONGEST = 48

export function text(value: unknown): string {
  return value === null || value === undefined ? 'null' : typeof value === 'object' ? windowText(value as Windowed<string>) : String(value)
}

/** How a windowed key is written in cases. */
function windowText({ key, window }: Windowed<string>): string {
  return `${key}@${window.start}/${window.end}`
}

export function hash(of: string): number {
  let result = 17
  for (let index = 0; index < of.length; index++) {
    result = (result * 31 + of.charCodeAt(index)) & 0xffff
  }
  return result
}

export function limit(of: string): string {
  return of.length <= LONGEST ? of : of.slice(of.length - LONGEST)
}

export function holds(condition: Condition, key: unknown, value: unknown): boolean {
  return hash(text(condition.on === 'key' ? key : value)) % condition.mod === condition.rest
}

export function applyValue(fn: ValueFunction, key: unknown, value: unknown): string | null {
  switch (fn.fn) {
    case 'append':
      return limit(text(value) + fn.text)
    case 'withKey':
      return limit(`${text(key)}:${text(value)}`)
    case 'head':
      return text(value).slice(0, 1)
    case 'nullIf':
      return holds(fn.when, key, value) ? null : text(value)
    case 'throwIf':
      throwIf(fn.when, key, value)
      return text(value)
  }
}

export function throwIf(condition: Condition | undefined, key: unknown, value: unknown): void {
  if (condition !== undefined && holds(condition, key, value)) {
    throw new Error('thrown on purpose')
  }
}

export function applyKey(fn: KeyFunction, key: unknown, value: unknown): string | null {
  switch (fn.fn) {
    case 'head':
      return text(value).slice(0, 1)
    case 'append':
      return limit(text(key) + fn.text)
    case 'bucket':
      return `b${hash(text(value)) % fn.mod}`
    case 'nullIf':
      return holds(fn.when, key, value) ? null : `b${hash(text(value)) % fn.mod}`
  }
}

export function combine(combiner: Combiner, key: unknown, left: unknown, right: unknown): string | null {
  const result = limit(text(left) + combiner.text + text(right))
  throwIf(combiner.throwIf, key, result)
  return combiner.nullIf !== undefined && holds(combiner.nullIf, key, result) ? null : result
}

/** How many records a flatMap makes of one. */
export function copies(mod: number, value: unknown): number {
  return hash(text(value)) % mod
}

/** Fits linear models by gradient descent (Adam, Kingma and Ba 2015) with an L2 penalty; small data, whole batches, no randomness. */
import type { Features, Option, Weights } from '../../processors/extract/linear-model.ts'
import { none } from '../../processors/extract/linear-model.ts'

export interface FitOptions {
  /** Of the squared distance from the prior; the bias is free. */
  readonly penalty: number
  /** What is known before any document: weights not named here are expected to be 0. */
  readonly prior?: Weights
  readonly rounds: number
}

/** Sparse rows over an index of feature names. */
class Index {
  readonly names: string[] = []
  readonly #at = new Map<string, number>()

  row(features: Features): readonly (readonly [number, number])[] {
    return Object.entries(features).map(([name, value]) => [this.#of(name), value] as const)
  }

  #of(name: string): number {
    let at = this.#at.get(name)
    if (at === undefined) {
      at = this.names.length
      this.names.push(name)
      this.#at.set(name, at)
    }
    return at
  }
}

type Row = readonly (readonly [number, number])[]
const free = new Set(['bias', 'none'])

/** Logistic regression. */
export function fitBinary(examples: readonly { readonly features: Features; readonly right: boolean }[], options: FitOptions): Weights {
  const index = new Index()
  const rows = examples.map(({ features, right }) => ({ row: index.row(features), target: right ? 1 : 0 }))
  return descend(index, options, rows.length, (weights, gradient) => {
    for (const { row, target } of rows) {
      const error = 1 / (1 + Math.exp(-dot(row, weights))) - target
      for (const [at, value] of row) {
        gradient[at]! += error * value
      }
    }
  })
}

/** Conditional logit: of each document's options those with the right value share the probability; without one, none is right. */
export function fitChoice(documents: readonly { readonly options: readonly Option[]; readonly right: (value: string) => boolean }[], options: FitOptions): Weights {
  const index = new Index()
  const groups = documents.map((document) => {
    const rows = [...document.options.map(({ features }) => index.row(features)), index.row(none)]
    const right = document.options.map(({ value }) => document.right(value))
    return { rows, right: [...right, !right.includes(true)] }
  })
  return descend(index, options, groups.length, (weights, gradient) => {
    for (const { rows, right } of groups) {
      const scores = rows.map((row) => dot(row, weights))
      const highest = Math.max(...scores)
      const exponents = scores.map((score) => Math.exp(score - highest))
      const all = exponents.reduce((sum, one) => sum + one, 0)
      const good = exponents.reduce((sum, one, n) => sum + (right[n] ? one : 0), 0)
      for (const [n, row] of rows.entries()) {
        const error = exponents[n]! / all - (right[n] ? exponents[n]! / good : 0)
        for (const [at, value] of row) {
          gradient[at]! += error * value
        }
      }
    }
  })
}

function dot(row: Row, weights: Float64Array): number {
  let sum = 0
  for (const [at, value] of row) {
    sum += weights[at]! * value
  }
  return sum
}

function descend(index: Index, options: FitOptions, size: number, addGradient: (weights: Float64Array, gradient: Float64Array) => void): Weights {
  const count = index.names.length
  const prior = new Float64Array(index.names.map((name) => options.prior?.[name] ?? 0))
  const weights = prior.slice()
  const mean = new Float64Array(count)
  const variance = new Float64Array(count)
  for (let round = 1; round <= options.rounds; round += 1) {
    const gradient = new Float64Array(count)
    addGradient(weights, gradient)
    const rate = 0.08 * (1 - (0.9 * round) / options.rounds)
    for (let n = 0; n < count; n += 1) {
      const slope = (gradient[n]! + (free.has(index.names[n]!) ? 0 : options.penalty * (weights[n]! - prior[n]!))) / size
      mean[n] = 0.9 * mean[n]! + 0.1 * slope
      variance[n] = 0.999 * variance[n]! + 0.001 * slope * slope
      weights[n]! -= (rate * (mean[n]! / (1 - 0.9 ** round))) / (Math.sqrt(variance[n]! / (1 - 0.999 ** round)) + 1e-8)
    }
  }
  // What no document showed stays as expected.
  const unseen = Object.entries(options.prior ?? {}).filter(([name]) => !index.names.includes(name))
  const learned = index.names.map((name, n) => [name, Math.round(weights[n]! * 1000) / 1000] as const).filter(([, weight]) => weight !== 0)
  return Object.fromEntries([...learned, ...unseen].sort(([a], [b]) => (a < b ? -1 : 1)))
}

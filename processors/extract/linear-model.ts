/** Linear models whose weights are data: what is learned is numbers for features that are named here, never a word of a document. */

/** Name of a feature to its value; absent is 0. */
export type Features = Readonly<Record<string, number>>
export type Weights = Readonly<Record<string, number>>

export function scoreOf(features: Features, weights: Weights): number {
  let score = 0
  for (const name in features) {
    score += features[name]! * (weights[name] ?? 0)
  }
  return score
}

export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score))
}

/** Probabilities that sum to 1. */
export function softmax(scores: readonly number[]): number[] {
  const highest = Math.max(...scores)
  const exponents = scores.map((score) => Math.exp(score - highest))
  const sum = exponents.reduce((total, one) => total + one, 0)
  return exponents.map((one) => one / sum)
}

/** A way to read a value; several may read the same one. */
export interface Option {
  /** The normalised value. */
  readonly value: string
  readonly features: Features
}

export interface Choice {
  /** Index of the best option of the best value. */
  readonly index: number
  /** Of the value: its options together, against all others and against none being right. */
  readonly probability: number
}

/** The feature of "none of them is right". */
export const none: Features = { none: 1 }

/** The likeliest value by a conditional logit over options and none; undefined without options. */
export function choose(options: readonly Option[], weights: Weights): Choice | undefined {
  if (options.length === 0) {
    return undefined
  }
  const scores = options.map(({ features }) => scoreOf(features, weights))
  const probabilities = softmax([...scores, scoreOf(none, weights)])
  const byValue = new Map<string, { probability: number; index: number }>()
  for (const [index, { value }] of options.entries()) {
    const known = byValue.get(value)
    if (known === undefined) {
      byValue.set(value, { probability: probabilities[index]!, index })
    } else {
      known.probability += probabilities[index]!
      known.index = scores[index]! > scores[known.index]! ? index : known.index
    }
  }
  let best: Choice | undefined
  for (const one of byValue.values()) {
    best = best === undefined || one.probability > best.probability ? one : best
  }
  return best
}

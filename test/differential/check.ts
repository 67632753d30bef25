/** Runs random cases through both engines until one differs, and makes that one small. */
import fc from 'fast-check'
import type { Case } from './case.ts'
import { differencesBetween } from './compare.ts'
import { caseArbitrary } from './generator.ts'
import type { JavaPeer } from './java-peer.ts'
import { runMillrace } from './millrace-peer.ts'

export interface CheckOptions {
  readonly cases: number
  readonly seed: number
  /** Stop looking for a smaller case after so many milliseconds. */
  readonly shrinkFor?: number
}

export interface CheckResult {
  /** Random cases that were run, without those of shrinking. */
  readonly cases: number
  /** How often each operator was in one of them. */
  readonly operators: ReadonlyMap<string, number>
  /** Records that came out, of Kafka Streams. */
  readonly outputs: number
  readonly failure?: { readonly smallest: Case; readonly differences: readonly string[] }
}

/** What is different about one case; the error of an engine that refuses it is a difference, too. */
export async function differencesOf(java: JavaPeer, test: Case): Promise<{ differences: string[]; outputs: number }> {
  try {
    const theirs = await java.run(test)
    const ours = await runMillrace(test)
    const differences = differencesBetween(theirs, ours, test)
    return { differences, outputs: Object.values(theirs.topics).reduce((sum, records) => sum + records.length, 0) }
  } catch (error) {
    return { differences: [String((error as Error).stack)], outputs: 0 }
  }
}

export async function check(java: JavaPeer, { cases, seed, shrinkFor = 60_000 }: CheckOptions): Promise<CheckResult> {
  const operators = new Map<string, number>()
  const failure: { smallest?: Case; differences: readonly string[]; giveUpAt: number } = { differences: [], giveUpAt: Number.POSITIVE_INFINITY }
  let outputs = 0
  let run = 0
  await fc.check(
    fc.asyncProperty(caseArbitrary(), async (test) => {
      if (performance.now() > failure.giveUpAt) {
        return
      }
      const found = await differencesOf(java, test)
      if (failure.smallest === undefined) {
        run++
        outputs += found.outputs
        for (const { op } of test.operators) {
          operators.set(op, (operators.get(op) ?? 0) + 1)
        }
      }
      if (found.differences.length > 0) {
        failure.giveUpAt = Math.min(failure.giveUpAt, performance.now() + shrinkFor)
        Object.assign(failure, { smallest: test, differences: found.differences })
        throw new Error('different')
      }
    }),
    { numRuns: cases, seed }
  )
  const { smallest, differences } = failure
  return { cases: run, operators, outputs, ...(smallest === undefined ? {} : { failure: { smallest, differences } }) }
}

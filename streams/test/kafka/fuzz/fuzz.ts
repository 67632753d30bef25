/** Feeds damaged bytes to every decoder. An input is known by its seed and number, and is the same one each time. */
import { StreamsError } from '../../../errors.ts'
import { mutated } from './mutate.ts'
import { Random } from './random.ts'
import { TARGETS, type Target } from './targets.ts'

/** Longer than this for one input of at most some kilobytes is a hang in the making. A busy machine needs the room. */
const SLOW_MILLISECONDS = 2_000
/** Every so many inputs one is read twice, between different bytes: what depends on these was read beyond its end. */
const READ_TWICE = 16
const AROUND = 32

export interface Finding {
  readonly seed: number
  readonly number: number
  readonly target: string
  /** The input in hex. */
  readonly input: string
  readonly what: string
}

export interface FuzzCounts {
  readonly read: number
  readonly refused: number
}

const SUM_OF_WEIGHTS = TARGETS.reduce((sum, { weight }) => sum + weight, 0)

export function targetNames(): string[] {
  return TARGETS.flatMap(({ targets }) => targets.map(({ name }) => name))
}

/** The input with this number, and whom it is for. */
export function inputOf(seed: number, number: number): { readonly target: Target; readonly input: Buffer } {
  const random = new Random(seed, number)
  let left = random.below(SUM_OF_WEIGHTS)
  const group = TARGETS.find(({ weight }) => (left -= weight) < 0)!
  const target = random.pick(group.targets)
  const damaged = mutated(random.pick(target.corpus), random.pick(target.corpus), random, target.spared)
  return { target, input: target.repair?.(damaged, random) ?? damaged }
}

/** Runs the inputs from `from` to before `to`; stops at the first that is answered wrongly. `at` is told before each. */
export function fuzz(seed: number, from: number, to: number, at: (number: number) => void = () => undefined): { finding: Finding | undefined; counts: FuzzCounts } {
  let read = 0
  let refused = 0
  for (let number = from; number < to; number++) {
    at(number)
    const { target, input } = inputOf(seed, number)
    const answer = answerTo(target, input, number % READ_TWICE === 0)
    if (answer === 'read') {
      read++
    } else if (answer === 'refused') {
      refused++
    } else {
      return { finding: { seed, number, target: target.name, input: input.toString('hex'), what: answer.wrong }, counts: { read, refused } }
    }
  }
  return { finding: undefined, counts: { read, refused } }
}

/** What a target makes of one input, and whether that is an answer it may give. */
export function answerTo(target: Target, input: Buffer, twice: boolean): 'read' | 'refused' | { readonly wrong: string } {
  const begin = performance.now()
  const first = outcome(target, twice ? between(input, 0) : input)
  const milliseconds = performance.now() - begin
  if (milliseconds > SLOW_MILLISECONDS) {
    return { wrong: `it took ${Math.round(milliseconds)} ms` }
  }
  if (typeof first === 'object') {
    return first
  }
  if (twice) {
    const second = outcome(target, between(input, 0xff))
    if (second !== first) {
      return { wrong: 'what lies around the input changes what is read' }
    }
  }
  return first === 'refused' ? 'refused' : 'read'
}

function outcome(target: Target, input: Buffer): number | 'refused' | { readonly wrong: string } {
  try {
    return target.read(input)
  } catch (error) {
    if (error instanceof StreamsError && error.code === target.error) {
      return 'refused'
    }
    return { wrong: (error as Error).stack ?? String(error) }
  }
}

/** The input as a part of a larger buffer, as answers and batches are. */
function between(input: Buffer, byte: number): Buffer {
  const whole = Buffer.alloc(input.length + 2 * AROUND, byte)
  input.copy(whole, AROUND)
  return whole.subarray(AROUND, AROUND + input.length)
}

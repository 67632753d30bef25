/** 100,000 damaged answers and batches; `npm run fuzz` runs ten million. Those that once found something are kept. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { SEED } from '../../../../state-stores/test/seeded.ts'
import { answerTo, fuzz, targetNames } from '../fuzz/fuzz.ts'
import { TARGETS } from '../fuzz/targets.ts'

const INPUTS = 100_000

interface Kept {
  readonly target: string
  readonly about: string
  readonly input: string
}

t.test('valid input is read, by every target', async (t) => {
  for (const target of TARGETS.flatMap(({ targets }) => targets)) {
    t.same(
      target.corpus.map((bytes) => answerTo(target, bytes, true)),
      target.corpus.map(() => 'read'),
      target.name
    )
  }
})

t.test('inputs that once found something', async (t) => {
  const kept = JSON.parse(readFileSync(new URL('../fuzz/kept.json', import.meta.url), 'utf8')) as readonly Kept[]
  for (const { target: name, about, input } of kept) {
    const target = TARGETS.flatMap(({ targets }) => targets).find((one) => one.name === name)
    t.ok(target, name)
    const answer = answerTo(target!, Buffer.from(input, 'hex'), true)
    t.ok(answer === 'read' || answer === 'refused', about)
  }
})

t.test(`${INPUTS} random ones: an error of ours or an answer, nothing else`, async (t) => {
  t.comment(`seed ${SEED}`)
  const { finding, counts } = fuzz(SEED, 0, INPUTS)
  t.same(finding, undefined)
  t.comment(`${counts.read} were read, ${counts.refused} refused`)
  t.ok(counts.read > INPUTS / 10, 'enough of them come through')
  t.ok(counts.refused > INPUTS / 10, 'enough of them do not')
  t.ok(targetNames().length > 25)
})

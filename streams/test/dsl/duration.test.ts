import t from 'tap'
import { type Duration, milliseconds } from '../../duration.ts'

t.test('numbers are milliseconds, texts have a unit', async (t) => {
  const cases: [Duration, number][] = [
    [250, 250],
    ['200ms', 200],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ]
  for (const [duration, expected] of cases) {
    t.equal(milliseconds('timeout', duration), expected, String(duration))
  }
  t.equal(milliseconds('grace', 0, true), 0)
})

t.test('anything else names the option', async (t) => {
  for (const duration of [-1, 0, Number.NaN, Number.POSITIVE_INFINITY, '-5s', '0s', '5', 's', '5 s', '1w', '', null, undefined, {}]) {
    t.throws(() => milliseconds('timeout', duration as Duration), { code: 'CONFIG_INVALID', message: /^timeout is / }, String(duration))
  }
})

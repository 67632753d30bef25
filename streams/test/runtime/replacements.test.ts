import t from 'tap'
import { StreamsError } from '../../errors.ts'
import { MAX_REPLACEMENTS, Replacements, WINDOW_MS } from '../../runtime/replacements.ts'

t.test('what the next thread would meet just the same stops the application at once, with that error', async (t) => {
  const error = new StreamsError('ORPHANED_ENTRIES', 'price (100)')
  t.equal(new Replacements().refuse(0, error, 0), error)
})

t.test('a thread that fails again and again is not replaced for ever; one that fails now and then is', async (t) => {
  const loop = new Replacements()
  const error = new StreamsError('PROCESSING_FAILED', 'at orders-3@17')
  for (let i = 0; i < MAX_REPLACEMENTS; i++) {
    t.equal(loop.refuse(0, error, i), undefined)
  }
  t.equal(loop.refuse(1, error, 5), undefined, 'another thread counts for itself')
  t.match(loop.refuse(0, error, 6), { code: 'THREAD_DIED', message: /failed 6 times.*orders-3@17/, cause: error })
  const seldom = new Replacements()
  for (let i = 0; i < 20; i++) {
    t.equal(seldom.refuse(0, error, (i * WINDOW_MS) / (MAX_REPLACEMENTS - 1)), undefined)
  }
})

import t from 'tap'
import { Places } from '../../api/places.ts'

t.test('so many at once, of which no tenant takes all', async (t) => {
  const places = new Places({ atOnce: 3, perTenant: 2, refusal: 'OVERLOADED' })
  const refused = { code: 'OVERLOADED', status: 503, detail: { retryAfterSeconds: 5 } }
  const first = places.take('acme')
  places.take('acme')
  t.throws(() => places.take('acme'), refused, 'its share')
  places.take('globex')
  t.throws(() => places.take('initech'), refused, 'all there are')
  first()
  first()
  places.take('initech')
  t.throws(() => places.take('acme'), refused, 'a place is given back once')
})

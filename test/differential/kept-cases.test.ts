/** Cases that once failed, and deliberate differences, against what Kafka Streams was recorded to make of them. */
import t from 'tap'
import { differencesBetween } from './compare.ts'
import { deliberateDifferences, keptCases } from './kept.ts'
import { runMillrace } from './millrace-peer.ts'

for (const { name, kept } of keptCases()) {
  t.test(`${name}: ${kept.about}`, async (t) => {
    t.same(differencesBetween(kept.outcome, await runMillrace(kept)), [])
  })
}

for (const { name, difference } of deliberateDifferences()) {
  t.test(`deliberately different, ${name}: ${difference.about}`, async (t) => {
    t.same(differencesBetween(difference.millrace, await runMillrace(difference)), [])
    t.not(differencesBetween(difference.millrace, difference.kafkaStreams).length, 0)
    t.ok(difference.reason.length > 40, 'its reason is said')
  })
}

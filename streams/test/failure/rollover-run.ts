/**
 * A producer from its first epoch past its last one, every commit a real one: MILLRACE_STACK=… node streams/test/failure/rollover-run.ts [--commits N]
 *
 * What `rollover.test.ts` does near the end only. By default 33,000 commits, each touching 40 partitions of the sink. Ends with 1
 * if a count is wrong or a commit was refused.
 */
import { parseArgs } from 'node:util'
import { TestCluster } from '../integration/streams-support.ts'
import { commitAcross, PARTITIONS } from './rollover.ts'

const { values } = parseArgs({ options: { commits: { type: 'string', default: '33000' } } })
const cluster = new TestCluster()
await cluster.connect()
try {
  const started = performance.now()
  const { identities, problems, records, commitsDropped, producersReplaced, errors } = await commitAcross(cluster, 'every', { firstEpoch: 0, commits: Number(values.commits), loseLast: false })
  const seconds = (performance.now() - started) / 1000
  const producers = new Set(identities.map(({ producerId }) => producerId)).size
  process.stdout.write(`${identities.length} commits of ${PARTITIONS} partitions in ${seconds.toFixed(0)} s, ${producers} producer ids, ${records} records; `)
  process.stdout.write(`${problems.length} problems, ${commitsDropped} commits dropped, ${producersReplaced} producers replaced\n`)
  for (const problem of [...errors.map(({ message }) => message), ...problems].slice(0, 20)) {
    process.stdout.write(`${problem}\n`)
  }
  process.exitCode = problems.length + commitsDropped + producersReplaced + errors.length === 0 ? 0 : 1
} finally {
  await cluster.close()
}

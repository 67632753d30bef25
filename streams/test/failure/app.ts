/**
 * The child process of the failure tests: one application, configured by a JSON argument, that reports on stdout (one
 * JSON object a line) and stops cleanly on SIGTERM.
 */
import { KafkaStreams, type KafkaStreamsOptions } from '../../index.ts'

const options = JSON.parse(process.argv[2]!) as Omit<KafkaStreamsOptions, 'topology'> & { topology?: string }

function report(what: object): void {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), ...what })}\n`)
}

const app = new KafkaStreams({
  ...options,
  topology: new URL(options.topology ?? './topology.ts', import.meta.url),
  onWarning: (warning) => report({ warning }),
})
app.onStateChange((state) => {
  report({ state })
  if (state === 'RUNNING') {
    runningTasks().then((tasks) => report({ tasks }))
  }
})
app.onRestore(({ type, task, from, to, copy }) => {
  if (type === 'start') {
    report({ restore: { task, from, to, copy } })
  }
})
async function runningTasks(): Promise<string[]> {
  const threads = await app.metrics()
  return threads.flatMap((thread) => thread.tasks.filter((task) => task.status === 'running').map((task) => task.id))
}

async function caughtUpCopies(): Promise<string[]> {
  const threads = await app.metrics()
  return threads.flatMap((thread) => thread.tasks.filter((task) => task.copy?.lag === 0).map((task) => task.id))
}

process.on('message', async ({ question }: { question: string }) => {
  const counters = (await app.metrics()).map((thread) => thread.counters)
  const sum = (name: 'recordsFed' | 'membershipsLost' | 'commits' | 'commitsDropped') => counters.reduce((all, each) => all + each[name], 0)
  report({ question, tasks: await runningTasks(), copies: await caughtUpCopies(), fed: sum('recordsFed'), lost: sum('membershipsLost'), commits: sum('commits'), dropped: sum('commitsDropped') })
})
process.channel?.unref()
app.onError((error) => {
  report({ error: error.message, code: (error as { code?: string }).code, stack: error.stack, cause: String(error.cause) })
  process.exitCode = 1
})
process.on('SIGTERM', async () => {
  const threads = await app.metrics()
  await app.close()
  report({ closed: true, counters: threads.map((thread) => thread.counters) })
  process.exit()
})
app.start().catch((error: Error) => report({ startFailed: error.message }))

/** An error on one instance ends the application on all of them, when it is told to. */
import t from 'tap'
import { KafkaStreams, type KafkaStreamsOptions, Serdes, type StreamsBuilder } from '../../index.ts'
import { TestCluster } from './streams-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

const deciders: { readonly [name: string]: Partial<KafkaStreamsOptions> } = {
  policy: { uncaughtError: 'stop-application' },
  callback: { onUncaughtError: (error) => ((error.cause as Error).message.startsWith('secret') ? 'stop-application' : undefined) },
}

for (const [name, decider] of Object.entries(deciders)) {
  t.test(`'stop-application', by ${name}`, async (t) => {
    const cluster = new TestCluster()
    await cluster.connect()
    t.teardown(() => cluster.close())
    const source = await cluster.topic(`${name}-source`, 3)
    const sink = await cluster.topic(`${name}-sink`, 1)
    const applicationId = cluster.name(name)
    const start = async (sensitive: boolean) => {
      const app = new KafkaStreams({
        topology: (b: StreamsBuilder) => {
          b.stream(source, { key: Serdes.string(), value: Serdes.string() })
            .mapValues((value) => {
              if (sensitive) {
                throw new Error(`secret ${value}`)
              }
              return value
            }, { value: Serdes.string(), name: 'taste' })
            .to(sink)
        },
        applicationId, bootstrapServers: cluster.bootstrapServers, stateDir: cluster.folder(), threads: 'in-process', sessionTimeoutMs: 60_000, replicationFactor: 1,
        onWarning: () => undefined, ...decider,
      })
      t.teardown(() => app.close())
      const ended = new Promise<Error>((resolve) => app.onError(resolve))
      await app.start()
      return { app, ended }
    }
    const instances = [await start(true), await start(false), await start(false)] as const
    const [failing] = instances
    while (!(await failing.app.metrics()).some(({ tasks }) => tasks.some(({ status }) => status === 'running'))) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await cluster.send(source, [0, 1, 2].map((partition) => ({ key: null, value: 'x', partition })))
    const [own, ...others] = await Promise.all(instances.map(({ ended }) => ended))
    t.match(own, { code: 'PROCESSING_FAILED' })
    t.equal(others.length, 2)
    for (const error of others) {
      t.match(error, { code: 'APPLICATION_STOPPED', message: /was stopped by another instance, which failed with PROCESSING_FAILED/ })
      t.notMatch(error.message, /secret/)
    }
    t.same(instances.map(({ app }) => app.state), ['ERROR', 'ERROR', 'ERROR'])
    t.same((await cluster.admin.describeGroups([applicationId])).groups[0]?.members, [], 'nobody is left in the group')
  })
}

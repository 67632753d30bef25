/** An API alone in a process, so that its memory is its own: prints its address, then its highest resident size each time it is asked. */
import { createCluster } from 'millrace/kafka'
import { startApi } from '../../../api/index.ts'
import { Registry } from '../../../avro/index.ts'
import { loadConfig } from '../../../topology/config.ts'
import { kafkaClientOptions } from '../../../topology/kafka.ts'
import { TenantDirectory } from '../../../topology/tenant-directory.ts'
import { topics } from '../../../topology/topics.ts'

const config = loadConfig(process.argv[2])
const cluster = createCluster({ ...kafkaClientOptions(config), clientId: 'api-process' })
const registry = new Registry({ url: config.registry })
const tenants = new TenantDirectory({ cluster, registry, topics: topics(config.topicPrefix), onWarning: (message) => console.error(message) })
await tenants.start()
const api = await startApi({ config, cluster, registry, tenants, vendorMemories: { of: async () => [] }, onError: (message) => console.error(message) })
let highest = 0
const sampling = setInterval(() => { highest = Math.max(highest, process.memoryUsage.rss()) }, 20)
process.on('message', (message) => {
  if (message === 'memory') {
    process.send!({ now: process.memoryUsage.rss(), highest })
  } else {
    clearInterval(sampling)
    void api.close().then(() => tenants.close()).then(() => cluster.close()).then(() => { registry.close(); process.disconnect() })
  }
})
process.send!({ url: api.url })

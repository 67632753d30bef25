/** Deletes the records of a topic's only partition before an offset, for a test that must stand still meanwhile: BOOTSTRAP TOPIC OFFSET */
import { createCluster } from 'millrace/kafka'

const [bootstrap, topic, offset] = process.argv.slice(2)
const cluster = createCluster({ bootstrapServers: [bootstrap!], clientId: 'delete-records' })
await cluster.admin().deleteRecords([{ topic: topic!, partition: 0, offset: Number(offset) }])
await cluster.close()

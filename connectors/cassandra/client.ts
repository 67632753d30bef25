import cassandra from 'cassandra-driver'
import { mendControlConnection } from './control-connection.ts'

export interface CassandraAddress {
  /** `host:port` */
  contactPoints: string[]
  datacenter: string
  keyspace: string
  credentials?: { username: string; password: string }
  /**
   * PEM texts; an empty object: TLS with the system's roots. A node's certificate must hold its IP address, by which the
   * driver reaches all of them.
   */
  tls?: { ca?: string; cert?: string; key?: string }
}

/** The driver's own policy doubles up to ten minutes: a store that was away for half a minute would stay away for two. */
const RECONNECT_MS = { first: 500, most: 5_000 }

/** What the driver's hosts have and its types do not tell. */
interface ClosableHost {
  shutdown(waitForPending: boolean): Promise<void>
}

/** A client with this project's settings; it connects at `connect()` or with the first query, and must be shut down. */
export function cassandraClient(address: CassandraAddress, options: Partial<cassandra.ClientOptions> = {}): cassandra.Client {
  const client = new cassandra.Client({
    contactPoints: address.contactPoints,
    localDataCenter: address.datacenter,
    ...(address.credentials === undefined ? {} : { credentials: address.credentials }),
    // the driver takes any certificate unless it is told not to
    ...(address.tls === undefined ? {} : { sslOptions: { ...address.tls, rejectUnauthorized: true } }),
    policies: { reconnection: new cassandra.policies.reconnection.ExponentialReconnectionPolicy(RECONNECT_MS.first, RECONNECT_MS.most) },
    ...options
  })
  // After an outage of every host the driver (4.10) puts new hosts in the place of the old ones, whose pools it forgets: they
  // reconnect, nobody closes what they opened, and the process never ends.
  client.on('hostRemove', (host: cassandra.Host) => {
    const { shutdown } = host as cassandra.Host & Partial<ClosableHost>
    shutdown?.call(host, false).catch(() => {}) // closing a connection that is broken already
  })
  mendControlConnection(client, RECONNECT_MS.most)
  return client
}

/**
 * What cassandra-driver 4.10 leaves undone when Cassandra goes away while it is being talked to, mended from outside:
 *
 * - A control connection that opens and then fails (its first queries time out, as they do while Cassandra starts) is forgotten, not
 *   closed: the process that owns it never ends.
 * - Two attempts to get a control connection at once stumble over each other (`this.connection` is null); where a timer began
 *   the second, nobody catches that, and it ends the process.
 * - A shutdown while it connects returns at once, and the connections that come about afterwards stay.
 *
 * `test/connectors/integration/cassandra-outage.test.ts` holds each of them.
 */
import type cassandra from 'cassandra-driver'

/** What the driver's connections have and its types do not tell. */
interface Connection {
  readonly isSocketOpen: boolean
  closeAsync(): Promise<void>
}

interface ControlConnection {
  _isShuttingDown: boolean
  _createConnection(endpoint: string): Promise<Connection>
  _refresh(hosts?: unknown): Promise<void>
}

interface Internals {
  readonly controlConnection: ControlConnection
  readonly connecting?: boolean
}

/** Takes care that the client of `shutdown()` leaves no connection open, and that no outage ends the process. `retryMs`: the next attempt after one that broke. */
export function mendControlConnection(client: cassandra.Client, retryMs: number): void {
  const { controlConnection: control } = client as cassandra.Client & Internals
  const opened = new Set<Connection>()
  let ended = false

  const create = control._createConnection.bind(control)
  control._createConnection = async (endpoint) => {
    const connection = await create(endpoint)
    if (ended) {
      await connection.closeAsync()
      throw new Error('The client was shut down.')
    }
    for (const earlier of opened) {
      if (!earlier.isSocketOpen) {
        opened.delete(earlier)
      }
    }
    opened.add(connection)
    return connection
  }

  const refresh = control._refresh.bind(control)
  control._refresh = async (hosts) => {
    try {
      await refresh(hosts)
    } catch {
      if (!control._isShuttingDown) {
        setTimeout(() => void control._refresh(), retryMs).unref()
      }
    }
  }

  const closeOpened = async (): Promise<void> => {
    await Promise.all([...opened].map((connection) => connection.closeAsync()))
  }
  const shutdown: () => Promise<void> = client.shutdown.bind(client)
  client.shutdown = async () => {
    ended = true
    if ((client as cassandra.Client & Internals).connecting === true) {
      const connecting = client.connect().catch(() => {}) // whoever began it is told
      await closeOpened()
      await connecting
    }
    await shutdown()
    await closeOpened()
  }
}

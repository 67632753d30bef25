import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { classPath } from '../components.ts'
import { loopback, port, type Server, type ServerContext } from './contract.ts'
import { javaCommand } from './java.ts'
import { firstBytes } from './probe.ts'

const folder = (context: ServerContext): string => join(context.folders.data, 'cassandra')

const logback = `<configuration>
  <appender name="S" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="S"/></root>
</configuration>
`

/** JSON is YAML: no quoting of paths to get wrong. */
function settings(context: ServerContext): string {
  const home = folder(context)
  const storage = port(context, 'cassandraStorage')
  return JSON.stringify({
    cluster_name: 'millrace',
    num_tokens: 1,
    initial_token: '0',
    auto_bootstrap: false,
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    endpoint_snitch: 'SimpleSnitch',
    seed_provider: [{ class_name: 'org.apache.cassandra.locator.SimpleSeedProvider', parameters: [{ seeds: `${loopback}:${storage}` }] }],
    listen_address: loopback,
    rpc_address: loopback,
    storage_port: storage,
    native_transport_port: port(context, 'cassandra'),
    start_native_transport: true,
    authenticator: 'AllowAllAuthenticator',
    authorizer: 'AllowAllAuthorizer',
    // periodic would lose what a killed process acknowledged in its last 100 ms (CASSANDRA-13987), and this node has no replica
    commitlog_sync: 'batch',
    commitlog_segment_size: '8MiB',
    commitlog_total_space: '128MiB',
    data_file_directories: [join(home, 'data')],
    commitlog_directory: join(home, 'commitlog'),
    hints_directory: join(home, 'hints'),
    saved_caches_directory: join(home, 'saved_caches'),
    cdc_raw_directory: join(home, 'cdc_raw'),
    memtable_heap_space: '64MiB',
    memtable_offheap_space: '64MiB',
    file_cache_size: '32MiB',
    key_cache_size: '8MiB',
    counter_cache_size: '4MiB',
    concurrent_reads: 8,
    // each waits for the disk: as many as a sink has in flight share one wait
    concurrent_writes: 128,
    concurrent_compactors: 1,
    disk_access_mode: 'mmap_index_only',
    auto_snapshot: false,
    hinted_handoff_enabled: false,
    storage_compatibility_mode: 'NONE'
  }, null, 2)
}

/** Packages of the JDK that Cassandra 5 reaches into. */
const moduleFlags = [
  ...[
    'java.base/jdk.internal.misc', 'java.management.rmi/com.sun.jmx.remote.internal.rmi', 'java.rmi/sun.rmi.registry', 'java.rmi/sun.rmi.server',
    'java.sql/java.sql', 'java.base/java.lang.ref', 'jdk.unsupported/sun.misc', 'jdk.attach/sun.tools.attach'
  ].map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...[
    'java.base/java.lang.module', 'java.base/jdk.internal.loader', 'java.base/jdk.internal.ref', 'java.base/jdk.internal.reflect',
    'java.base/jdk.internal.math', 'java.base/jdk.internal.module', 'java.base/jdk.internal.util.jar', 'jdk.management/com.sun.management.internal',
    'java.base/sun.nio.ch', 'java.base/java.io', 'java.base/java.lang.reflect', 'java.base/java.lang', 'java.base/java.util', 'java.base/java.nio'
  ].map((name) => `--add-opens=${name}=ALL-UNNAMED`)
]

/** One Cassandra node. */
export const cassandra: Server = {
  name: 'cassandra',
  ports: ['cassandra', 'cassandraStorage', 'cassandraJmx'],
  stopSignal: 'SIGTERM',
  patience: 20_000,

  async prepare(context) {
    const home = folder(context)
    await mkdir(join(home, 'conf'), { recursive: true })
    await mkdir(join(home, 'tmp'), { recursive: true })
    await mkdir(join(home, 'log'), { recursive: true })
    await writeFile(join(home, 'conf', 'logback.xml'), logback)
    await writeFile(join(home, 'conf', 'cassandra.yaml'), settings(context))
  },

  async command(context) {
    const home = folder(context)
    const libs = join(context.installed.cassandra, 'libs')
    const classes = await classPath(libs)
    const agent = classes.split(':').find((path) => path.includes('/jamm-'))
    return javaCommand(context, {
      name: 'cassandra',
      folder: home,
      flags: [
        // Java 21 refuses the security manager that Cassandra 5.0 installs unless it is allowed.
        '-Djava.security.manager=allow', '-Xms512m', '-Xmx512m', '-Xss256k', '-XX:+UseG1GC', '-XX:+ExitOnOutOfMemoryError', `-javaagent:${agent}`,
        '-Djdk.attach.allowAttachSelf=true', ...moduleFlags,
        '-Dio.netty.tryReflectionSetAccessible=true', '-Dio.netty.allocator.useCacheForAllThreads=true', '-Dio.netty.allocator.maxOrder=11',
        `-Dcassandra.config=file://${join(home, 'conf', 'cassandra.yaml')}`, `-Dcassandra.storagedir=${home}`, `-Dcassandra.logdir=${join(home, 'log')}`,
        `-Djava.io.tmpdir=${join(home, 'tmp')}`, `-Djna.tmpdir=${join(home, 'tmp')}`,
        `-Dlogback.configurationFile=file://${join(home, 'conf', 'logback.xml')}`, '-Dcassandra-foreground=yes',
        `-Dcassandra.jmx.local.port=${port(context, 'cassandraJmx')}`,
        // One node has nobody to wait for.
        '-Dcassandra.skip_wait_for_gossip_to_settle=0', '-Dcassandra.ring_delay_ms=1', '-Dcassandra.load_ring_state=false',
        '-Dcassandra.superuser_setup_delay_ms=0'
      ],
      classPath: classes,
      main: ['org.apache.cassandra.service.CassandraDaemon']
    })
  },

  /** A CQL OPTIONS frame (protocol 4) is answered with SUPPORTED once the native transport is up. */
  async isReady(context) {
    const answer = await firstBytes(port(context, 'cassandra'), Buffer.from([4, 0, 0, 0, 5, 0, 0, 0, 0]))
    return answer !== undefined && answer[0] === 0x84 && answer[4] === 6
  }
}

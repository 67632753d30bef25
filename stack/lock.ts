import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** One file to download. Exactly one of `maven` and `wheel` says where it lives. */
export interface Artifact {
  /** group:artifact:version[:type[:classifier]] */
  readonly maven?: string
  /** The file name of a wheel; its project and version are in the name. */
  readonly wheel?: string
  readonly sha256: string
  /** Bytes. */
  readonly size: number
  /** SPDX expression, or the words of the publisher. */
  readonly licence: string
}

/** A program or library with all its files, as it lies unpacked in the cache. */
export interface Component {
  readonly title: string
  readonly version: string
  /** `jars`: the files are laid into `into`; `archive`: the one file is unpacked there. */
  readonly kind: 'jars' | 'archive'
  /** Folder inside the component's own folder; empty for the folder itself. */
  readonly into: string
  /** The folder of an archive that is unpacked, with a slash at its end; all of it by default. */
  readonly from?: string
  /** Only names (below `from`) with one of these beginnings are unpacked. */
  readonly only?: readonly string[]
  /** Files left out, by the beginning of their base name. */
  readonly exclude?: readonly string[]
  /** Files made executable, by the beginning of their path: wheels carry no reliable modes. */
  readonly executable?: readonly string[]
  /** Not part of the stack: brought only where it is asked for. */
  readonly optional?: true
  /** A jar with one service manifest that the publisher forgot, so that Connect finds the plugin without scanning. */
  readonly serviceManifest?: { readonly jar: string; readonly service: string; readonly implementations: readonly string[] }
  readonly artifacts: readonly Artifact[]
}

export interface Lock {
  readonly node: { readonly package: string; readonly version: string; readonly integrity: string; readonly licence: string }
  /** Preferred ports; another free one is taken where one is busy. */
  readonly ports: Readonly<Record<string, number>>
  /** The images of docker/compose.yaml. */
  readonly images: Readonly<Record<string, string>>
  readonly components: Readonly<Record<ComponentName, Component>>
}

export const componentNames = [
  'jre',
  'kafka',
  'cassandra',
  'registry',
  'postgresql',
  'debezium-jdbc',
  'registry-converter',
  'cassandra-driver',
  'ecj',
  'kafka-streams',
  'kafka-streams-test-utils',
  'kafka-3'
] as const
export type ComponentName = (typeof componentNames)[number]

/** stack/lock.json: every file the servers are made of. */
export function readLock(): Lock {
  return JSON.parse(readFileSync(new URL('lock.json', import.meta.url), 'utf8')) as Lock
}

/** Names a component's folder in the cache: another lock entry is another folder, so clones of different age can share a cache. */
export function componentHash(component: Component): string {
  return createHash('sha256').update(JSON.stringify(component)).digest('hex').slice(0, 12)
}

export interface MavenCoordinates {
  readonly group: string
  readonly artifact: string
  readonly version: string
  readonly type: string
  readonly classifier: string | undefined
}

/** Takes group:artifact:version[:type[:classifier]] apart. */
export function parseMaven(coordinates: string): MavenCoordinates {
  const [group, artifact, version, type = 'jar', classifier] = coordinates.split(':')
  if (!group || !artifact || !version) {
    throw new Error(`stack/lock.json: '${coordinates}' is not group:artifact:version[:type[:classifier]]`)
  }
  return { group, artifact, version, type, classifier }
}

/** The base name of an artifact's file. */
export function fileName(artifact: Artifact): string {
  if (artifact.wheel) {
    return artifact.wheel
  }
  const maven = parseMaven(artifact.maven ?? '')
  return `${maven.artifact}-${maven.version}${maven.classifier ? `-${maven.classifier}` : ''}.${maven.type}`
}

/** Path below a Maven repository's base. */
export function mavenPath(coordinates: string): string {
  const { group, artifact, version } = parseMaven(coordinates)
  return `${group.replaceAll('.', '/')}/${artifact}/${version}/${fileName({ maven: coordinates, sha256: '', size: 0, licence: '' })}`
}

/** The project of a wheel as package indexes spell it (PEP 503). */
export function wheelProject(wheel: string): string {
  return (wheel.split('-')[0] ?? '').replaceAll(/[-_.]+/g, '-').toLowerCase()
}

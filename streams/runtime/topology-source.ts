/** Where a topology comes from: a function on this thread, or a module that every worker loads for itself. */
import { existsSync } from 'node:fs'
import type { StreamsBuilder } from '../dsl/streams-builder.ts'
import { buildTopology } from '../dsl/streams-builder.ts'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'

/** Describes the topology; `settings` is what `KafkaStreamsOptions.settings` says. Not async: it must describe the same each time. */
export type ConfiguredTopology = (builder: StreamsBuilder, settings: unknown) => void

/** Loads (a URL) and builds the topology. Errors of the builder reach the caller as they are; `CONFIG_INVALID` for a module without default export. */
export async function makeTopology(source: ConfiguredTopology | string, applicationId: string, settings: unknown): Promise<Topology> {
  const describe = typeof source === 'string' ? await load(source) : source
  return buildTopology((builder) => describe(builder, settings), { applicationId })
}

/** The program was compiled, and the URL still names the source. */
function builtElsewhere(url: string): boolean {
  return /^file:.*\.ts$/.test(url) && !existsSync(new URL(url)) && existsSync(new URL(url.replace(/\.ts$/, '.js')))
}

async function load(url: string): Promise<ConfiguredTopology> {
  const module = (await import(url).catch((error: unknown) => {
    throw builtElsewhere(url) ? new StreamsError('CONFIG_INVALID', `topology: there is no ${url}, but there is its .js: what is compiled is not renamed in new URL(…), so name './….js' there.`, { cause: error }) : error
  })) as { default?: unknown }
  if (typeof module.default !== 'function') {
    throw new StreamsError('CONFIG_INVALID', `topology: the module ${url} has no default export that is a function (builder) => void.`)
  }
  return module.default as ConfiguredTopology
}

/** A topology as a command is given it: a module whose default export describes it, or the JSON of `millrace describe`. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TopologyJSON } from '../graph/json.ts'
import { topologyToJSON } from '../graph/json.ts'
import type { Topology } from '../graph/topology.ts'
import { makeTopology } from '../runtime/topology-source.ts'
import { UsageError } from './command.ts'

export const TOPOLOGY_OPTIONS = {
  'application-id': { type: 'string' },
  settings: { type: 'string' },
} as const

export const TOPOLOGY_HELP = `
  --application-id ID   of a module: default 'application'; it begins the names of internal topics
  --settings FILE       JSON that the module's function gets as its second argument`

export interface TopologySettings {
  readonly applicationId: string | undefined
  readonly settings: string | undefined
}

/** Loads and builds the module at `path`. What the module or the builder throws reaches the caller as it is. */
export function loadTopology(path: string, { applicationId, settings }: TopologySettings): Promise<Topology> {
  const given: unknown = settings === undefined ? undefined : json(settings)
  exists(path)
  return makeTopology(pathToFileURL(resolve(path)).href, applicationId ?? 'application', given)
}

/** As `loadTopology`, or from a `.json` file. */
export async function loadDescription(path: string, settings: TopologySettings): Promise<TopologyJSON> {
  if (!path.endsWith('.json')) {
    return topologyToJSON(await loadTopology(path, settings))
  }
  const description = json(path) as Partial<TopologyJSON> | null
  if (typeof description?.applicationId !== 'string' || !Array.isArray(description.subtopologies) || !Array.isArray(description.globalTables)) {
    throw new UsageError(`${path} is no description of a topology: write one with 'millrace describe FILE --format json'`)
  }
  return description as TopologyJSON
}

function exists(path: string): void {
  text(path)
}

function json(path: string): unknown {
  try {
    return JSON.parse(text(path))
  } catch (error) {
    if (error instanceof UsageError) {
      throw error
    }
    throw new UsageError(`${path} is not JSON`)
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Settings of the snapshots of local state. */
import { StreamsError } from '../errors.ts'

export interface SnapshotsSettings {
  /** Where they are kept: a folder that outlives the state directory, best one that all instances see. */
  readonly folder: string
  /** Time between two snapshots of a task, ms; one that has committed nothing since is left out. Default 600 000. */
  readonly intervalMs?: number
  /** Snapshots of each task that are kept; the older ones are for when the newest is damaged. Default 2. */
  readonly keep?: number
}

export type SnapshotsConfig = Required<SnapshotsSettings>

const KNOWN = ['folder', 'intervalMs', 'keep']
const LIMITS = { intervalMs: [600_000, 1_000, 7 * 86_400_000], keep: [2, 1, 100] } as const

function invalid(field: string, problem: string): StreamsError {
  return new StreamsError('CONFIG_INVALID', `${field} ${problem}`)
}

/** Undefined: none are taken and none used. Throws `CONFIG_INVALID` naming field and fix. */
export function resolveSnapshots(settings: SnapshotsSettings | undefined): SnapshotsConfig | undefined {
  if (settings === undefined) {
    return undefined
  }
  const unknown = Object.keys(settings).find((key) => !KNOWN.includes(key))
  if (unknown !== undefined) {
    throw invalid(`snapshots.${unknown}`, `is no setting: known are ${KNOWN.join(', ')}.`)
  }
  if (typeof settings.folder !== 'string' || settings.folder === '') {
    throw invalid('snapshots.folder', 'must be the path of a folder.')
  }
  return { folder: settings.folder, intervalMs: limited(settings, 'intervalMs'), keep: limited(settings, 'keep') }
}

function limited(settings: SnapshotsSettings, field: keyof typeof LIMITS): number {
  const [fallback, minimum, maximum] = LIMITS[field]
  const value = settings[field] ?? fallback
  if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
    throw invalid(`snapshots.${field}`, `is ${JSON.stringify(value)}: give a whole number from ${minimum} to ${maximum} (default ${fallback}).`)
  }
  return value
}

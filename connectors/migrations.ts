import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ConnectorError } from './errors.ts'

export interface Migration {
  version: number
  /** The file's name, for people. */
  name: string
  text: string
  /** SHA-256 of the text: an applied migration never changes. */
  checksum: string
}

export interface AppliedMigration {
  version: number
  checksum: string
}

/**
 * The migrations of a folder in order: `0001_documents.sql`, `0002_….sql`, without gaps.
 * @throws ConnectorError MIGRATION_INVALID
 */
export function readMigrations(folder: URL, extension: string): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .sort()
    .map((name, index) => {
      const version = /^(\d{4})_[a-z0-9-]+\./.exec(name)?.[1]
      if (version === undefined || Number(version) !== index + 1) {
        throw new ConnectorError('MIGRATION_INVALID', `Migration "${name}" must be named ${String(index + 1).padStart(4, '0')}_words${extension}.`)
      }
      const text = readFileSync(new URL(name, folder), 'utf8')
      return { version: index + 1, name, text, checksum: createHash('sha256').update(text).digest('hex') }
    })
}

/**
 * The migrations still to run.
 * @throws ConnectorError MIGRATION_CHANGED when an applied one was edited, DATABASE_NEWER when the database knows more than we
 */
export function pendingMigrations(all: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  for (const { version, checksum } of applied) {
    const migration = all[version - 1]
    if (migration === undefined) {
      throw new ConnectorError('DATABASE_NEWER', `The database has migration ${version}, this version knows ${all.length}: run the newer version.`)
    }
    if (migration.checksum !== checksum) {
      throw new ConnectorError('MIGRATION_CHANGED', `Migration "${migration.name}" was changed after it was applied: add a new one instead.`)
    }
  }
  const done = new Set(applied.map(({ version }) => version))
  return all.filter(({ version }) => !done.has(version))
}

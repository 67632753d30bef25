/** Cases that are kept in files: those that once failed (`cases/`), and those that show a deliberate difference (`deliberate/`). */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Case, Outcome } from './case.ts'

/** A case that once failed: the outcome is Kafka Streams', and ours. */
export interface KeptCase extends Case {
  /** What it found. */
  readonly about: string
  readonly outcome: Outcome
}

/** A case in which we do otherwise on purpose. */
export interface DeliberateDifference extends Case {
  readonly about: string
  readonly reason: string
  readonly kafkaStreams: Outcome
  readonly millrace: Outcome
}

export function keptCases(): { readonly name: string; readonly kept: KeptCase }[] {
  return read<KeptCase>('cases').map(({ name, content }) => ({ name, kept: content }))
}

export function deliberateDifferences(): { readonly name: string; readonly difference: DeliberateDifference }[] {
  return read<DeliberateDifference>('deliberate').map(({ name, content }) => ({ name, difference: content }))
}

function folder(name: string): string {
  return fileURLToPath(new URL(`${name}/`, import.meta.url))
}

function read<T>(name: string): { name: string; content: T }[] {
  return readdirSync(folder(name)).filter((file) => file.endsWith('.json')).sort()
    .map((file) => ({ name: file.slice(0, -'.json'.length), content: JSON.parse(readFileSync(`${folder(name)}${file}`, 'utf8')) as T }))
}

export function writeCase(path: string, content: object): void {
  writeFileSync(path, `${pretty(content, '')}\n`)
}

/** One operator, input or row to a line. */
function pretty(value: unknown, indent: string): string {
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    return value.length === 0 ? '[]' : `[\n${value.map((item) => `${inner}${JSON.stringify(item)}`).join(',\n')}\n${indent}]`
  }
  if (value === null || typeof value !== 'object') {
    return JSON.stringify(value)
  }
  const fields = Object.entries(value).map(([name, field]) => `${inner}${JSON.stringify(name)}: ${pretty(field, inner)}`)
  return fields.length === 0 ? '{}' : `{\n${fields.join(',\n')}\n${indent}}`
}

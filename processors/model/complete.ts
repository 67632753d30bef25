import type { DateOrder } from '../extract/dates.ts'
import { layOut } from '../extract/layout.ts'
import type { DocumentFields, DocumentText, Extraction, Field } from '../types.ts'
import { type AskedField, isAskedField } from './asked-fields.ts'
import { evidenceFor } from './evidence.ts'

/** Values by field as the model gave them: not believed yet. */
export type ModelAnswers = { readonly [field in AskedField]?: string }

/** Longer values are no value of a field. */
const longestValue = 400

/** What the model's JSON says about the fields that were asked; whatever else is in it does not exist. @returns undefined when it is no JSON object */
export function answersIn(json: string, asked: readonly AskedField[]): ModelAnswers | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return undefined
  }
  const answers: { [field in AskedField]?: string } = {}
  for (const field of asked) {
    const answer: unknown = Object.hasOwn(value, field) ? (value as { [field: string]: unknown })[field] : undefined
    const text = typeof answer === 'number' ? String(answer) : answer
    if (typeof text === 'string' && text.trim() !== '' && text.length <= longestValue) {
      answers[field] = text
    }
  }
  return answers
}

export interface Completion {
  readonly extraction: Extraction
  /** Fields that are the model's now. */
  readonly added: readonly AskedField[]
  /** Fields whose answer the document does not state. */
  readonly refused: readonly AskedField[]
}

/**
 * Puts a model's answers where a field was asked for and the document states them; everything else stays as it is. A doubtful value that the
 * model agrees with stays as it was, too.
 * @param by names model and prompt, for the record's versions
 */
export function complete(extraction: Extraction, excerpt: DocumentText, answers: ModelAnswers, options: { readonly by: string; readonly dateOrder: DateOrder }): Completion {
  const layout = layOut(excerpt)
  const added: AskedField[] = []
  const refused: AskedField[] = []
  let { fields } = extraction
  for (const [name, answer] of Object.entries(answers)) {
    if (!isAskedField(name) || answer === undefined) {
      continue
    }
    const field = evidenceFor(layout, name, answer, options.dateOrder)
    if (field === undefined) {
      refused.push(name)
      continue
    }
    const changed = withField(fields, name, field)
    if (changed !== undefined) {
      fields = changed
      added.push(name)
    }
  }
  return added.length === 0 ? { extraction, added, refused } : { extraction: { ...extraction, fields, extractorVersion: `${extraction.extractorVersion}+${options.by}` }, added, refused }
}

/** @returns undefined when the value is there already */
function withField(fields: DocumentFields, name: AskedField, field: Field): DocumentFields | undefined {
  const [outer, inner] = name.split('.') as [keyof DocumentFields, string | undefined]
  const before = inner === undefined ? fields[outer] : (fields[outer] as { readonly [name: string]: Field | undefined } | undefined)?.[inner]
  if ((before as Field | undefined)?.normalised === field.normalised) {
    return undefined
  }
  return inner === undefined ? { ...fields, [outer]: field } : { ...fields, [outer]: { ...(fields[outer] as object), [inner]: field } }
}

/** Why a sink could not write a record: where it was meant to go, and what of it was wrong. Never what it holds. */
import { StreamsError } from '../errors.ts'

/** Names and positions, as schemas have them. Anything else could be content. */
const FIELD = /^[A-Za-z_$][\w$.[\]-]{0,199}$/

export class ProductionError extends StreamsError {
  /** Undefined when no topic had been chosen yet. */
  readonly topic: string | undefined
  /** `field` of the error the serde threw, where it names one: `pages.0.turned`. */
  readonly field: string | undefined

  constructor(sink: string, topic: string | undefined, cause: unknown) {
    const code = cause instanceof StreamsError ? cause.code : 'PRODUCTION_FAILED'
    super(code, cause instanceof StreamsError ? cause.message : `${sink}: a record for ${topic ?? 'a topic not chosen yet'} could not be written.`, { cause })
    this.topic = topic
    this.field = fieldOf(cause)
  }
}

/** Of the error itself, or of what the engine wrapped. */
function fieldOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) {
    return undefined
  }
  const field = (error as { readonly field?: unknown }).field
  return typeof field === 'string' && FIELD.test(field) ? field : fieldOf(error.cause)
}

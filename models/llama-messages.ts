/** What a model's process is asked, and what it answers. */
import type { JsonSchema } from '../processors/model/index.ts'

export type LlamaTask =
  /** Without a schema the answer is free text. */
  | { readonly do: 'write'; readonly instructions: string; readonly prompt: string; readonly maximumTokens: number; readonly schema?: JsonSchema }
  | { readonly do: 'embed'; readonly texts: readonly string[] }

export type LlamaResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: true; readonly vectors: readonly (readonly number[])[] }
  /** `NO_RUNNER`: the package cannot be loaded. `NO_MODEL`: the file is none that it can run. `TOO_LONG`: prompt and answer exceed what the model can hold. */
  | { readonly ok: false; readonly reason: 'NO_RUNNER' | 'NO_MODEL' | 'TOO_LONG' }

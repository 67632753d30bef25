import type { Box, Field } from '../types.ts'
import type { Candidate } from './candidates.ts'
import type { Layout, Run } from './layout.ts'

/** A field out of a candidate. What recognition was not sure of, the field is not sure of either. */
export function toField(layout: Layout, candidate: Candidate<{ readonly text: string }>, normalised: string, confidence: number): Field {
  return fieldOf(layout, candidate.run, candidate.found.text, normalised, confidence)
}

export function fieldOf(layout: Layout, run: Pick<Run, 'page' | 'box' | 'confidence'>, value: string, normalised: string, confidence: number): Field {
  const { x, y, width, height }: Box = run.box
  return {
    value,
    normalised,
    confidence: Math.round(Math.max(0, Math.min(1, confidence * (0.4 + 0.6 * run.confidence))) * 1000) / 1000,
    provenance: { page: run.page, box: { x, y, width, height }, method: layout.method },
  }
}

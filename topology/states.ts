import { endStates, transitions } from '../processors/lifecycle/index.ts'

/** Every state a document can be in, for those who list documents by state. */
export const documentStates: readonly string[] = Object.keys(transitions).filter((state) => state !== 'none')

/** States in which a document rests: counted as ended. */
export const isEndState = (state: string): boolean => (endStates as ReadonlySet<string>).has(state)

export { classify } from './classify.ts'
export type { ClassifyOptions } from './classify.ts'

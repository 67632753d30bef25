export { generateSamples, sampleTenants, unknownTenant } from './generate.ts'
export type { SampleOptions } from './generate.ts'
export type { Sample, SampleEnd, SampleKind, SampleRoute, SampleTruth } from './types.ts'
export { writeSamples } from './write.ts'

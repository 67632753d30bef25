export type { PageImage, PageTask } from './draw.ts'
export { createPageRenderer } from './renderer.ts'
export type { PageRenderer } from './renderer.ts'

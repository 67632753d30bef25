/** Pictures of pages, for the doors: they may not reach into the steps. */
export { createPageRenderer as createPageImages, type PageRenderer as PageImages } from '../processors/pages/index.ts'

export { ModelError, type ModelErrorCode } from './errors.ts'
export { ollamaEmbedder, ollamaModel, type OllamaOptions } from './ollama.ts'
export { whileUp } from './while-up.ts'

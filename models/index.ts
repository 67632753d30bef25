export { ModelError, type ModelErrorCode } from './errors.ts'
export { llamaEmbedder, llamaModel, missingForLlama, type LlamaOptions } from './llama.ts'
export { ollamaEmbedder, ollamaModel, type OllamaOptions } from './ollama.ts'
export { whileUp } from './while-up.ts'

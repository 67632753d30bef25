export { type AskedField, fieldsToAsk, isAskedField } from './asked-fields.ts'
export { answersIn, complete, type Completion, type ModelAnswers } from './complete.ts'
export type { JsonSchema, LanguageModel, ModelCallOptions, ModelRequest } from './language-model.ts'
export { excerptOf, promptName, questionOf, type TenantPrompt } from './prompt.ts'

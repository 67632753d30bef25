/**
 * Errors of language models and embedders. Messages name the server, the model and codes; never a prompt, never an answer.
 *
 * | code | means | what to do |
 * |---|---|---|
 * | MODEL_UNAVAILABLE | the server does not answer, not in time, or with a 5xx | ask again later |
 * | MODEL_REFUSED | the server refuses the request: most often it does not have the model | pull the model there, or name another |
 * | REQUEST_TOO_LONG | the request and its answer are longer than the model can hold; another request may not be | a model with a longer context |
 * | ANSWER_INVALID | the answer is none: embeddings that are missing or no numbers | another version of the server, another model |
 */
export type ModelErrorCode = 'MODEL_UNAVAILABLE' | 'MODEL_REFUSED' | 'REQUEST_TOO_LONG' | 'ANSWER_INVALID'

export class ModelError extends Error {
  readonly code: ModelErrorCode

  constructor(code: ModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ModelError'
    this.code = code
  }
}

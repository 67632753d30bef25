/** Any runner of a language model. Text in, text out: it is given nothing to call. */
export interface LanguageModel {
  /** Names runner and model: caches' keys and every value it added carry it. */
  readonly name: string
  /**
   * JSON by a schema; what comes back is checked by who asks, because not every runner keeps to one.
   * @throws ModelError
   */
  answer(request: ModelRequest & { readonly schema: JsonSchema }, options?: ModelCallOptions): Promise<string>
  /** Free text as it is made, piece by piece. @throws ModelError while it is read */
  write(request: ModelRequest, options?: ModelCallOptions): AsyncIterable<string>
}

export interface ModelRequest {
  /** What it is to do. */
  readonly instructions: string
  /** What it is to do it with. */
  readonly prompt: string
  /** Longer answers are cut off: small models repeat themselves for ever. */
  readonly maximumTokens: number
}

export interface ModelCallOptions {
  readonly signal?: AbortSignal
}

export interface JsonSchema {
  readonly [keyword: string]: unknown
}

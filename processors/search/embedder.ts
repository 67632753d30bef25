/** Any runner that turns texts into vectors whose angles tell how alike they are. */
export interface Embedder {
  /** Names runner and model: only vectors of one model can be compared. */
  readonly name: string
  /**
   * One vector of length 1 per text, in their order.
   * @throws ModelError
   */
  embed(texts: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<readonly (readonly number[])[]>
}

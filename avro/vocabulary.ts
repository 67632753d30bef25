import avsc from 'avsc'

/**
 * A closed set of words on a string: `{"type":"string","logicalType":"vocabulary","values":["api","share"]}`. Other
 * clients see a plain string (Avro tells them to ignore logical types they do not know), so words may hold hyphens and
 * adding one is a compatible change, which it is not for an Avro enum. We check it on the way in and on the way out.
 */
export class VocabularyType extends avsc.types.LogicalType {
  readonly #values: ReadonlySet<string>

  constructor(schema: avsc.Schema, options?: unknown) {
    super(schema, options)
    const values = (schema as { values?: unknown }).values
    if (!Array.isArray(values) || values.length === 0 || values.some((value) => typeof value !== 'string')) {
      throw new Error('A vocabulary needs its words: "values", a list of strings.')
    }
    this.#values = new Set(values)
  }

  protected override _fromValue(value: string): string {
    if (!this.#values.has(value)) {
      throw new Error('A word that is not in the vocabulary.')
    }
    return value
  }

  /** `undefined` tells avsc that the value is invalid. */
  protected override _toValue(value: string): string | undefined {
    return this.#values.has(value) ? value : undefined
  }

  /** Reads records whose writer knew a plain string, or another vocabulary. */
  protected override _resolve(type: avsc.Type): ((value: string) => string) | undefined {
    const underlying = type instanceof avsc.types.LogicalType ? type.underlyingType : type
    return underlying instanceof avsc.types.StringType ? (value) => this._fromValue(value) : undefined
  }
}

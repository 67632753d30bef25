import avsc from 'avsc'

/**
 * A closed set of words on a string: `{"type":"string","logicalType":"vocabulary","words":["api","share"]}`. Other
 * clients see a plain string (Avro tells them to ignore logical types they do not know), so words may hold hyphens and
 * adding one is a compatible change, which it is not for an Avro enum. We check it on the way in and on the way out.
 * (The attribute is not called "values": Avro's own parser, and so the registry, drops attributes with reserved names.)
 */
export class VocabularyType extends avsc.types.LogicalType {
  readonly #words: ReadonlySet<string>

  constructor(schema: avsc.Schema, options?: unknown) {
    super(schema, options)
    const words = (schema as { words?: unknown }).words
    if (!Array.isArray(words) || words.length === 0 || words.some((word) => typeof word !== 'string')) {
      throw new Error('A vocabulary needs its words: "words", a list of strings.')
    }
    this.#words = new Set(words)
  }

  protected override _fromValue(value: string): string {
    if (!this.#words.has(value)) {
      throw new Error('A word that is not in the vocabulary.')
    }
    return value
  }

  /** `undefined` tells avsc that the value is invalid. */
  protected override _toValue(value: string): string | undefined {
    return this.#words.has(value) ? value : undefined
  }

  /** Reads records whose writer knew a plain string, or another vocabulary. */
  protected override _resolve(type: avsc.Type): ((value: string) => string) | undefined {
    const underlying = type instanceof avsc.types.LogicalType ? type.underlyingType : type
    return underlying instanceof avsc.types.StringType ? (value) => this._fromValue(value) : undefined
  }
}

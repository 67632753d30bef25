type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for two equal types: `same<typeof it, Expected>(true)`. */
export const same = <A, B>(equal: Equal<A, B>) => equal

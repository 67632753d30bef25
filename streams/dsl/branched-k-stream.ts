import { checkName } from '../graph/names.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { StreamsError } from '../errors.ts'
import { KStream } from './k-stream.ts'
import { branch, passThrough } from './operators/stateless.ts'
import type { StreamState } from './stream-state.ts'

type Predicate = (key: unknown, value: unknown) => boolean

/**
 * A stream being split: each record goes to the first branch whose predicate holds. `Branches` collects the names, so
 * that the result can be taken apart: `const { paid, open } = orders.split().branch('paid', …).defaultBranch('open')`.
 */
export class BranchedKStream<K, V, Branches extends object = object> {
  readonly #split: StreamState
  readonly #predicates: { readonly child: string; readonly predicate: Predicate }[] = []
  readonly #branches: { [name: string]: KStream<K, V> } = Object.create(null)
  #fallback: string | undefined
  #closed = false

  /** @internal Made by `KStream.split`. */
  constructor(stream: StreamState, name: string | undefined) {
    this.#split = stream.graph.process([stream], 'split', () => branch(this.#predicates, () => this.#fallback), { name })
  }

  branch<N extends string, S extends V>(
    name: N,
    predicate: (key: K, value: V) => value is S
  ): BranchedKStream<K, V, Branches & { readonly [B in N]: KStream<K, S> }>
  branch<N extends string>(
    name: N,
    predicate: (key: K, value: V) => boolean
  ): BranchedKStream<K, V, Branches & { readonly [B in N]: KStream<K, V> }>
  branch(name: string, predicate: (key: K, value: V) => boolean): BranchedKStream<K, V, Branches> {
    requireFunction(predicate, `The predicate of the branch '${name}'`)
    this.#predicates.push({ child: this.#add(name), predicate: predicate as Predicate })
    return this
  }

  /** Everything that matched no branch. */
  defaultBranch<N extends string = 'default'>(name?: N): Branches & { readonly [B in N]: KStream<K, V> } {
    this.#fallback = this.#add(name ?? 'default')
    this.#closed = true
    return this.#branches as Branches & { readonly [B in N]: KStream<K, V> }
  }

  /** What matched no branch goes nowhere. */
  noDefaultBranch(): Branches {
    this.#open()
    this.#closed = true
    return this.#branches as Branches
  }

  #add(name: string): string {
    this.#open()
    checkName('branch', name)
    if (name in this.#branches) {
      throw new StreamsError('NAME_DUPLICATE', `The split behind '${this.#split.path}' has two branches named '${name}'.`)
    }
    const state = this.#split.graph.process([this.#split], name, () => passThrough(), {})
    this.#branches[name] = new KStream<K, V>(state)
    return state.node
  }

  #open(): void {
    if (this.#closed) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The split behind '${this.#split.path}' has its default branch already: add branches before it.`
      )
    }
  }
}

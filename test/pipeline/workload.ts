/** A stream of documents to be disturbed, and what becomes of it when nobody disturbs it. */
import { setTimeout as pause } from 'node:timers/promises'
import { Bench, say } from './bench.ts'
import { DocumentMaker, type TestDocument, templates } from './documents.ts'
import type { Instance } from './instance.ts'
import { differences, type Outcome } from './outcome.ts'

const TENANTS = ['acme', 'globex']
/** Documents per send: few, so that one commit has parts of several. */
const CHUNK = 6
/** This many documents are under way at once while a load runs. */
const UNDER_WAY = 18
const POLL_MS = 20

export interface WorkloadOptions {
  readonly seed: number
  /** Documents between the first and the last ones. */
  readonly count: number
}

/**
 * One of every kind first, which ends before anything else is sent; then all kinds again and again, with some of the first
 * ones' contents among them; contents of those in between at last. So which of two equal files is the duplicate never
 * depends on what is disturbed when.
 */
export class Workload {
  readonly first: readonly TestDocument[]
  readonly more: readonly TestDocument[]
  readonly last: readonly TestDocument[]
  readonly undisturbed: Bench
  readonly disturbed: Bench
  #expected: Outcome = new Map()
  #next = 0

  private constructor(undisturbed: Bench, disturbed: Bench, parts: Pick<Workload, 'first' | 'more' | 'last'>) {
    this.undisturbed = undisturbed
    this.disturbed = disturbed
    this.first = parts.first
    this.more = parts.more
    this.last = parts.last
  }

  static async open({ seed, count }: WorkloadOptions): Promise<Workload> {
    say(`samples of seed ${seed}`)
    const parts = await documents(seed, count)
    // one after the other: they share the servers' roles
    const undisturbed = await Bench.open({ tenants: TENANTS })
    return new Workload(undisturbed, await Bench.open({ tenants: TENANTS }), parts)
  }

  /** Everything that will be sent. */
  get documents(): readonly TestDocument[] {
    return [...this.first, ...this.more, ...this.last]
  }

  get left(): number {
    return this.more.length - this.#next
  }

  /** What is to be expected, from a process that nobody touches. */
  async undisturbedRun(): Promise<Outcome> {
    const instance = await this.undisturbed.start()
    await instance.ready()
    await this.undisturbed.learnStores(instance)
    for (const part of [this.first, this.more, this.last]) {
      await this.undisturbed.send(part)
      await this.undisturbed.allEnded()
    }
    await instance.stop()
    this.#expected = await this.undisturbed.outcome()
    return this.#expected
  }

  /** The first documents of the run that will be disturbed. */
  async begin(): Promise<Instance> {
    const instance = await this.disturbed.start()
    await instance.ready()
    await this.disturbed.learnStores(instance)
    await this.disturbed.send(this.first)
    await this.disturbed.allEnded()
    return instance
  }

  /** Keeps documents under way until told to stop, or all have been sent. */
  load(): { stop(): Promise<void> } {
    let going = true
    const done = (async () => {
      while (going && this.left > 0) {
        if (this.disturbed.pending < UNDER_WAY) {
          const chunk = this.more.slice(this.#next, this.#next + CHUNK)
          this.#next += chunk.length
          await this.disturbed.send(chunk)
        } else {
          await pause(POLL_MS)
        }
      }
    })()
    return {
      async stop() {
        going = false
        await done
      },
    }
  }

  /** All that has not been sent yet, the last ones aside. */
  async sendRest(): Promise<void> {
    const rest = this.more.slice(this.#next)
    this.#next = this.more.length
    await this.disturbed.send(rest)
  }

  /** Waits for all that was sent, stops the process, and says in what its results differ from the undisturbed ones. */
  async finish(instance: Instance, stateDir?: string): Promise<string[]> {
    await this.disturbed.allEnded()
    await instance.stop()
    return differences(this.#expected, await this.disturbed.outcome(stateDir), this.disturbed.owners())
  }

  async close(): Promise<void> {
    await Promise.all([this.undisturbed.close(), this.disturbed.close()])
  }
}

async function documents(seed: number, count: number): Promise<Pick<Workload, 'first' | 'more' | 'last'>> {
  const now = Date.now()
  const kinds = await templates(seed, now)
  const maker = new DocumentMaker(seed, now - 3_600_000)
  const quick = kinds.filter(({ kind }) => kind !== 'receipt')
  const receipts = kinds.filter(({ kind }) => kind === 'receipt')
  const first = kinds.map((kind) => maker.fresh(kind))
  const more = Array.from({ length: count }, (_, n) => {
    if (n % 24 === 5) {
      // few: each is seconds of recognition
      return { ...maker.fresh(receipts[n % receipts.length]!), allowDuplicate: true }
    }
    if (n % 9 === 7) {
      return maker.again(first[n % first.length]!)
    }
    const copy = maker.fresh(quick[n % quick.length]!)
    // most go all the way; some end as the copies of a first one that they are
    return n % 7 === 3 ? copy : { ...copy, allowDuplicate: true }
  })
  // of new contents only: what repeats a first one is a duplicate already
  const last = more.filter((_, n) => n % 18 === 1).map((original) => maker.again(original))
  return { first, more, last }
}

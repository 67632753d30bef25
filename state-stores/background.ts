/** Work beside the users of a database: one at a time, in batches, until told to stop. */
export class Background {
  #running: Promise<void> | undefined
  #stopped = false

  /** Set between two batches ends the work. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Does nothing while the work before is going on. A full disk may refuse even deletes: a failure ends the work and is forgotten. */
  start(work: () => Promise<void>): void {
    if (this.#running === undefined && !this.#stopped) {
      this.#running = work()
        .catch(() => {})
        .finally(() => {
          this.#running = undefined
        })
    }
  }

  async done(): Promise<void> {
    await this.#running
  }

  /** Ends after the batch it is in. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }
}

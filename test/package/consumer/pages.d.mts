// What the pages' programs take for granted: the reader's own types, streams and functions.
// `.mts`, so that the checkout itself does not take these names for granted.
declare global {
  interface Order {
    readonly customer: string
    readonly tenant: string
    readonly amount: number
    readonly count: number
  }

  interface Priced extends Order {
    readonly total: number
  }

  interface Customer {
    readonly name: string
  }

  interface Sum {
    readonly items: number
    readonly cents: number
  }

  const b: import('millrace').StreamsBuilder
  const app: import('millrace').KafkaStreams
  const topology: import('millrace').TopologyFunction
  const orders: import('millrace').KStream<string, Order>
  const requests: import('millrace').KStream<string, string>
  const clicks: import('millrace').KStream<string, string>
  const views: import('millrace').KStream<string, string>
  const carts: import('millrace').KStream<string, { readonly items: number }>
  const payments: import('millrace').KStream<string, { readonly cents: number }>
  const table: import('millrace').KTable<import('millrace').Windowed<string>, number>
  const customer: string
  const secret: string

  function price<T>(order: T, signal: AbortSignal, idempotencyKey: string): Promise<T & { readonly total: number }>
  function settle(): import('millrace').Processor<string, Order>
  function clientCredentials(): Promise<{ readonly access_token: string; readonly expires_in: number }>

  const pager: { tell(text: string): Promise<void> }
  const order: { readonly key: string; readonly value: string }
  /** As kafkajs has it. */
  const producer: { send(batch: { readonly topic: string; readonly messages: readonly object[] }): Promise<[{ readonly partition: number; readonly baseOffset: string }]> }

  const format: import('millrace-state-stores').KeyValueFormat<string, { readonly cents: number }>
  const recordTimestamp: number
  function produceAndCommit(changes: object): Promise<void>
  const t: import('millrace-state-stores/testing').SuiteTest
  const myEngine: import('millrace-state-stores').StorageEngine
  const myCapabilities: import('millrace-state-stores/testing').EngineCapabilities
}

export {}

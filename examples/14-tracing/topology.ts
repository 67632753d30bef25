import { Serdes, type StreamsBuilder } from 'millrace'

export interface Purchase {
  readonly customer: string
  readonly amount: number
}

/** Asks for the tax of each purchase, and counts purchases by customer: a call and a repartition topic to follow. */
export default function topology(b: StreamsBuilder): void {
  b.stream('purchases', { key: Serdes.string(), value: Serdes.json<Purchase>() })
    .mapAsync(async (purchase) => ({ ...purchase, tax: await taxOf(purchase) }), { name: 'tax', value: Serdes.json(), circuitBreaker: {} })
    .groupBy((_key, { customer }) => customer, { key: Serdes.string(), value: Serdes.json() })
    .count({ name: 'purchases-per-customer' })
    .toStream()
    .to('purchase-counts')
}

/** Stands for a service. */
async function taxOf({ amount }: Purchase): Promise<number> {
  return amount / 5
}

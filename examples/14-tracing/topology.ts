import { Serdes, type StreamsBuilder } from 'millrace'

export interface Sale {
  readonly customer: string
  readonly amount: number
}

/** Asks for the tax of each sale, and counts sales by customer: a call and a repartition topic to follow. */
export default function topology(b: StreamsBuilder): void {
  b.stream('sales', { key: Serdes.string(), value: Serdes.json<Sale>() })
    .mapAsync(async (sale) => ({ ...sale, tax: await taxOf(sale) }), { name: 'tax', value: Serdes.json(), circuitBreaker: {} })
    .groupBy((_key, { customer }) => customer, { key: Serdes.string(), value: Serdes.json() })
    .count({ name: 'sales-per-customer' })
    .toStream()
    .to('sale-counts')
}

/** Stands for a service. */
async function taxOf({ amount }: Sale): Promise<number> {
  return amount / 5
}

import { Serdes, type StreamsBuilder } from 'millrace'

export interface Order {
  readonly customer: string
  readonly amount: number
}

export interface Customer {
  readonly name: string
  readonly country: string
}

export interface EnrichedOrder extends Order {
  readonly country: string | null
}

/** Orders, keyed by order number, find the customer they belong to. */
export default function topology(b: StreamsBuilder): void {
  const customers = b.table('customers', { key: Serdes.string(), value: Serdes.json<Customer>() })

  b.stream('orders', { key: Serdes.string(), value: Serdes.json<Order>() })
    .selectKey((_number, { customer }) => customer, { key: Serdes.string() })
    .leftJoin(customers, (order, customer): EnrichedOrder => ({ ...order, country: customer?.country ?? null }), {
      name: 'orders-by-customer',
      value: Serdes.json(),
    })
    .to('enriched-orders')
}

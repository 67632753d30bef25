import { Serdes, type StreamsBuilder } from 'millrace'

export interface Purchase {
  readonly customer: string
  readonly amount: number
}

export interface Label {
  readonly to: string
  readonly amount: number
}

/** Purchases by number and customers by id: a label for every order, written anew when the customer moves. */
export default function topology(b: StreamsBuilder): void {
  const purchases = b.table('purchases', { key: Serdes.string(), value: Serdes.json<Purchase>() })
  const addresses = b.table('addresses', { key: Serdes.string(), value: Serdes.string() })
  purchases
    .join(
      addresses,
      ({ customer }) => customer,
      ({ amount }, address): Label => ({ to: address, amount }),
      { name: 'label', value: Serdes.json() },
    )
    .toStream()
    .to('labels')
}

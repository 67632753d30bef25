import { Serdes, type StreamsBuilder } from 'millrace'

export interface Payment {
  readonly amount: number
  readonly currency: string
}

/** Converts payments into euros by a small table that every instance holds whole. */
export default function topology(b: StreamsBuilder): void {
  const rates = b.globalTable('exchange-rates', { key: Serdes.string(), value: Serdes.double() })

  b.stream('payments', { key: Serdes.string(), value: Serdes.json<Payment>() })
    .join(
      rates,
      (_key, { currency }) => currency,
      ({ amount }, rate) => Math.round(amount * rate * 100) / 100,
      { value: Serdes.double() },
    )
    .to('payments-in-euros')
}

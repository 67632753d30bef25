import { JoinWindows, Serdes, type StreamsBuilder } from 'millrace'

export interface Impression {
  readonly ad: string
}

export interface Click {
  readonly page: string
}

export interface Outcome {
  readonly ad: string
  readonly clicked: boolean
}

/** Was an advertisement clicked within thirty seconds? Keys are impression ids. */
export default function topology(b: StreamsBuilder): void {
  const clicks = b.stream('clicks', { key: Serdes.string(), value: Serdes.json<Click>() })

  b.stream('impressions', { key: Serdes.string(), value: Serdes.json<Impression>() })
    .leftJoin(
      clicks,
      ({ ad }, click): Outcome => ({ ad, clicked: click !== null }),
      // A click comes after its impression, never before.
      JoinWindows.ofTimeDifferenceAndGrace('30s', '5s').before(0),
      { name: 'clicked', value: Serdes.json() },
    )
    .to('outcomes')
}

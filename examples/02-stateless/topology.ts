import { Serdes, type StreamsBuilder } from 'millrace'

export interface Reading {
  readonly sensor: string
  readonly celsius: number | null
}

/** Sorts readings into alarms and the rest, and drops what cannot be read. */
export default function topology(b: StreamsBuilder): void {
  const readings = b.stream('readings', { key: Serdes.string(), value: Serdes.json<Reading>() })

  const { broken, measured } = readings
    .split()
    .branch('broken', (_key, { celsius }) => celsius === null)
    .defaultBranch('measured')

  const fahrenheit = measured.mapValues(({ sensor, celsius }) => ({ sensor, fahrenheit: Math.round((celsius ?? 0) * 18 + 320) / 10 }), {
    value: Serdes.json(),
  })
  const { hot, normal } = fahrenheit
    .split({ name: 'by-heat' })
    .branch('hot', (_key, reading) => reading.fahrenheit >= 140)
    .defaultBranch('normal')

  const alarms = hot.mapValues(({ sensor, fahrenheit: degrees }) => `${sensor}: ${degrees} °F`, { value: Serdes.string() })
  const failures = broken.mapValues(({ sensor }) => `${sensor}: no reading`, { value: Serdes.string() })
  alarms.merge(failures).to('alarms')
  normal.selectKey((_key, { sensor }) => sensor, { key: Serdes.string() }).to('temperatures')
}

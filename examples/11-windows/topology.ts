import { EmitStrategy, Serdes, type StreamsBuilder, TimeWindows } from 'millrace'

export interface Request {
  readonly path: string
  readonly status: number
}

export interface Minute {
  readonly path: string
  readonly minute: string
  readonly errors: number
}

/** Errors per path and minute, told once when the minute is over. Requests may come ten seconds late. */
export default function topology(b: StreamsBuilder): void {
  b.stream('requests', { key: Serdes.string(), value: Serdes.json<Request>() })
    .filter((_key, { status }) => status >= 500)
    .groupBy((_key, { path }) => path, { key: Serdes.string() })
    .windowedBy(TimeWindows.ofSizeAndGrace('1m', '10s'))
    .emitStrategy(EmitStrategy.onWindowClose())
    .count({
      name: 'errors-per-minute',
      late: (requests) => requests.mapValues(({ path }) => path, { value: Serdes.string() }).to('late-requests'),
    })
    .toStream()
    .map(
      (windowed, errors): readonly [string, Minute] => [
        windowed.key,
        { path: windowed.key, minute: new Date(windowed.window.start).toISOString().slice(0, 16), errors: errors ?? 0 },
      ],
      { key: Serdes.string(), value: Serdes.json() },
    )
    .to('error-report')
}

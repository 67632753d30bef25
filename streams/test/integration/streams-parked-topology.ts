/** Calls that fail as long as the file named by the settings is there. */
import { existsSync } from 'node:fs'
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface Settings {
  readonly source: string
  readonly sink: string
  readonly down: string
}

export default function topology(b: StreamsBuilder, settings: unknown): void {
  const { source, sink, down } = settings as Settings
  b.stream(source, { key: Serdes.string(), value: Serdes.string() })
    .mapAsync(
      async (value) => {
        if (value.startsWith('bad') && existsSync(down)) {
          throw Object.assign(new Error('no'), { code: 'SERVICE_DOWN' })
        }
        return value
      },
      { name: 'ask', value: Serdes.string(), retry: { attempts: 1, backoffMs: 1 }, onFailure: 'park' },
    )
    .to(sink)
}

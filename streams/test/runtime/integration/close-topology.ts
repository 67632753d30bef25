import { Serdes, type StreamsBuilder } from '../../../index.ts'

export default function topology(b: StreamsBuilder): void {
  b.stream('in', { key: Serdes.string(), value: Serdes.string() }).to('out', { key: Serdes.string(), value: Serdes.string() })
}

/** Copies one topic into another: an application that fits in one line, for tests of what is around it. */
import { Serdes, type StreamsBuilder } from 'millrace'

export default function topology(b: StreamsBuilder, { from, to }: { readonly from: string; readonly to: string }): void {
  b.stream(from, { key: Serdes.bytes(), value: Serdes.bytes() }).to(to)
}

import type { StreamsBuilder } from '../../index.ts'
import { type JoinSettings, joins } from '../integration/join-load.ts'

export default function topology(b: StreamsBuilder, settings: JoinSettings): void {
  joins(b, settings)
}

/** What the killed processes run: two stateful steps with a repartition topic between them, and a punctuator. */
import type { Processor, ProcessorContext, StreamsBuilder } from '../../index.ts'
import { Serdes } from '../../index.ts'

export interface FailureSettings {
  readonly source: string
  readonly perKey: string
  readonly perWord: string
}

export default function topology(b: StreamsBuilder, settings: FailureSettings): void {
  const lines = b.stream(settings.source, { key: Serdes.string(), value: Serdes.string() })
  lines.groupByKey().count({ name: 'per-key' }).toStream().to(settings.perKey, { key: Serdes.string(), value: Serdes.long() })
  lines
    .flatMapValues((line) => line.split(' '))
    .process(() => new Remember())
    .groupBy((_key, word) => word, { name: 'by-word', key: Serdes.string(), value: Serdes.string() })
    .count({ name: 'per-word' })
    .toStream()
    .to(settings.perWord, { key: Serdes.string(), value: Serdes.long() })
}

/** Counts in a field what it has seen since it was made: after a drop a forgotten old instance would show (rule B6). */
class Remember implements Processor<string, string> {
  #context!: ProcessorContext<string, string>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
  }

  process(record: Parameters<Processor<string, string>['process']>[0]): void {
    this.#context.forward(record)
  }
}

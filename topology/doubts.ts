/** Wiring of the language model: the one place where documents leave the way of the rules, and come back to it. */
import { type KStream, Serdes, Stores, type StreamsBuilder } from 'millrace'
import type { LifecycleEvent } from '../processors/lifecycle/index.ts'
import type { ModelAnswers } from '../processors/model/index.ts'
import { divide } from './flow.ts'
import type { Services } from './services.ts'
import type { ExtractedDocument } from './steps/classify-extract.ts'
import { askModel, type DoubtfulDocument, isDoubtful } from './steps/model.ts'

const PROMPTS = 'prompts'
const ANSWERS = 'model-answers'

/** The tenants' prompts as a table. @returns its name, undefined where there is no model to be asked */
export function promptTable(b: StreamsBuilder, { topics, serdes, models }: Services): string | undefined {
  if (models.fields === undefined) {
    return undefined
  }
  b.globalTable(topics.prompts.name, { name: PROMPTS, key: Serdes.string(), value: serdes.prompts })
  return PROMPTS
}

interface Resolved {
  readonly events: KStream<string, LifecycleEvent>
  readonly documents: KStream<string, ExtractedDocument>
}

/** Documents with fields missing or in doubt ask the model, one lane per tenant; all others go on as they are. */
export function resolveDoubts(understood: { readonly events: KStream<string, LifecycleEvent>; readonly documents: KStream<string, ExtractedDocument | DoubtfulDocument> }, { models }: Services): Resolved {
  if (models.fields === undefined) {
    return understood
  }
  const key = Serdes.string()
  const { doubtful, certain } = understood.documents.split().branch('doubtful', isDoubtful).defaultBranch('certain')
  const answered = divide(
    doubtful.processAsync(askModel(models.fields, ANSWERS), {
      name: 'model', input: { key, value: Serdes.json<DoubtfulDocument>() }, key, lane: (_document, key) => key.slice(0, key.indexOf('|')),
      stores: [Stores.keyValueStore(ANSWERS, { key, value: Serdes.json<ModelAnswers>(), ttl: { after: '30d', clock: 'wall-clock-time' } })],
      // its own time-out is shorter, and ends in an answer; more would hold a document for nothing
      concurrency: models.concurrency, maxPending: 5_000, timeout: '15m', retry: 3, onFailure: 'dead-letter',
    }),
  )
  return { events: understood.events.merge(answered.events), documents: certain.merge(answered.documents) }
}

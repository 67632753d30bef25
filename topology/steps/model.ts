import { createHash } from 'node:crypto'
import type { AsyncProcessor, KeyValueStore } from 'millrace'
import { answersIn, type AskedField, complete, type LanguageModel, type ModelAnswers, promptName, questionOf, type TenantPrompt } from '../../processors/model/index.ts'
import type { DateOrder } from '../../processors/extract/index.ts'
import type { DocumentText } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import type { ExtractedDocument } from './classify-extract.ts'

/** What a model is to be asked about a document. */
export interface Question {
  readonly fields: readonly AskedField[]
  /** What it is shown: small enough for a pending record. */
  readonly excerpt: DocumentText
  readonly dateOrder: DateOrder
  readonly prompt?: TenantPrompt
}

/** A document that is asked about before it goes on. */
export interface DoubtfulDocument extends ExtractedDocument {
  readonly question: Question
}

export const isDoubtful = (_key: string, document: ExtractedDocument | DoubtfulDocument): document is DoubtfulDocument => 'question' in document

type Answered =
  | { readonly from: 'cache' | 'model'; readonly key: string; readonly answers: ModelAnswers }
  /** The document goes on with what the rules found. */
  | { readonly from: 'nobody' }

interface Input {
  readonly document: DoubtfulDocument
  readonly key: string
  readonly cached: ModelAnswers | undefined
}

/**
 * Asks a language model for what the rules did not find or doubt. It is a colleague, not an oracle: a document never waits for one that does
 * not answer, and a value that the document does not state is refused. Answers are kept per tenant, model, prompt and question.
 */
export function askModel(model: LanguageModel, answerStore: string): AsyncProcessor<string, DoubtfulDocument, Input, Answered, Flow<ExtractedDocument>> {
  return {
    prepare: ({ value: document }, context) => {
      const key = cacheKey(model, document)
      return { document, key, cached: context.getStateStore<string, ModelAnswers>(answerStore).get(key) }
    },
    call: async ({ document: { question }, key, cached }, { signal }) => {
      if (cached !== undefined) {
        return { from: 'cache', key, answers: cached }
      }
      try {
        const answers = answersIn(await model.answer(questionOf(question.excerpt, question.fields, question.prompt), { signal }), question.fields)
        return answers === undefined ? { from: 'nobody' } : { from: 'model', key, answers }
      } catch (error) {
        if (signal.aborted) {
          throw error
        }
        return { from: 'nobody' }
      }
    },
    complete: (answered, record, context) => {
      const { question, ...document } = record.value
      if (answered.from === 'model') {
        context.getStateStore<KeyValueStore<string, ModelAnswers>>(answerStore).put(answered.key, answered.answers)
      }
      const { extraction } = answered.from === 'nobody'
        ? document
        : complete(document.extraction, question.excerpt, answered.answers, { by: `${model.name}:${promptName(question.prompt)}`, dateOrder: question.dateOrder })
      const forward = (value: Flow<ExtractedDocument>): void => context.forward({ ...record, value })
      forward({ did: { step: 'extract', at: context.currentSystemTimeMs(), to: 'EXTRACTED', extraction } })
      forward({ next: { ...document, extraction } })
    },
  }
}

/** A tenant's own: another tenant's answers are never looked at. */
function cacheKey(model: LanguageModel, { header, question: { fields, excerpt, prompt } }: DoubtfulDocument): string {
  const { instructions, prompt: text } = questionOf(excerpt, fields, prompt)
  const digest = createHash('sha256').update(JSON.stringify([model.name, promptName(prompt), instructions, text])).digest('hex')
  return `${header.tenantId}|${digest}`
}

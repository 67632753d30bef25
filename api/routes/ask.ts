import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Hit } from '../../connectors/index.ts'
import { answerRequest, citedParts } from '../../processors/search/index.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { ASK } from '../limits.ts'
import { Places } from '../places.ts'
import { postAsk } from '../schemas.ts'
import { embeddingOf, languagesOf, requiredText, searchFilters } from './search.ts'

/** A passage under its number in the answer. */
interface Quoted {
  readonly number: number
  readonly documentId: string
  readonly page: number | null
  readonly text: string
  readonly coverage: number
}

/**
 * A line of the answer (NDJSON). First `passages` (given again, they replace the former), then parts of the answer as they are made, last `outcome`:
 * - `answered`: every part follows from the passages it cites
 * - `cut-short`: the same, but the model broke off
 * - `quoted`: no model spoke; the passages hold the words of the question
 * - `not-stated`: the documents do not say
 */
export type AnswerLine =
  | { readonly passages: readonly object[] }
  | { readonly text: string; readonly citations: readonly number[] }
  | { readonly outcome: 'answered' | 'cut-short' | 'quoted' | 'not-stated'; readonly model: string | null }

/**
 * Questions about the tenant's documents. What no passage carries is not said; without a model, or while it does not answer, the passages
 * themselves are the answer.
 */
export function askRoute(app: FastifyInstance, context: ApiContext): void {
  const places = new Places({ ...ASK, refusal: 'OVERLOADED' })
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: ASK.bodyBytes }, (_request, body, done) => done(null, body))
  app.addContentTypeParser('*', (_request, _payload, done) => done(new ApiError('JSON_EXPECTED', { field: 'Content-Type', limit: 'application/json' })))

  app.post('/v1/ask', { schema: postAsk, config: { role: 'reader' } }, async ({ tenantId, body }, reply) => {
    const { question: asked, ...rest } = objectIn(body)
    const question = requiredText('question', asked, ASK.questionLength)
    const filters = searchFilters(rest)
    const leave = places.take(tenantId)
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    try {
      const embedding = await embeddingOf(context, question)
      const { hits } = await context.search.search(tenantId, { text: question, match: 'any', languages: languagesOf(context, tenantId), embedding, filters, limit: ASK.documents })
      const lines = Readable.from(linesOf(answer(context, question, quoted(hits), gone.signal)))
      lines.once('close', leave)
      return await reply.type('application/x-ndjson; charset=utf-8').send(lines)
    } catch (error) {
      leave()
      throw error
    }
  })
}

async function* linesOf(answer: AsyncIterable<AnswerLine>): AsyncGenerator<string> {
  for await (const line of answer) {
    yield `${JSON.stringify(line)}\n`
  }
}

/** What may be quoted as an answer: most of what the question is about stands in it. */
const COVERED = 0.5

/** @param gone aborted when nobody listens any more: a model that is waited for is stopped then, not only at its next word */
async function* answer({ models, onError }: ApiContext, question: string, found: readonly Quoted[], gone: AbortSignal): AsyncGenerator<AnswerLine> {
  const model = models.answers
  if (model !== undefined && found.length > 0) {
    let said = false
    try {
      yield passages(found)
      for await (const part of citedParts(model.write(answerRequest(question, found), { signal: gone }), question, found)) {
        said = true
        yield part
      }
      yield { outcome: said ? 'answered' : 'not-stated', model: model.name }
      return
    } catch (error) {
      if (gone.aborted) {
        return
      }
      onError(`a question was answered without the model ${model.name}: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}`)
      if (said) {
        yield { outcome: 'cut-short', model: model.name }
        return
      }
    }
  }
  const covering = found.filter(({ coverage }) => coverage >= COVERED)
  yield passages(covering)
  yield { outcome: covering.length > 0 ? 'quoted' : 'not-stated', model: null }
}

const passages = (quoted: readonly Quoted[]): AnswerLine => ({
  passages: quoted.map(({ number, documentId, page, text }) => ({ number, documentId, page, text, links: { document: `/v1/documents/${documentId}` } })),
})

function quoted(hits: readonly Hit[]): Quoted[] {
  return hits
    .flatMap(({ documentId, passages }) => passages.map(({ page, text, coverage }) => ({ documentId, page, text, coverage })))
    .slice(0, ASK.passages)
    .map((passage, index) => ({ number: index + 1, ...passage }))
}

function objectIn(body: unknown): { readonly [name: string]: unknown } {
  let value: unknown
  try {
    value = JSON.parse(String(body))
  } catch {
    // told below; the parser's own message quotes the text
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError('JSON_INVALID')
  }
  return value as { readonly [name: string]: unknown }
}

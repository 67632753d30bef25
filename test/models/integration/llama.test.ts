/**
 * A model in a process of its own: a package that stands in for node-llama-cpp says what it was given; the real one is run where
 * MILLRACE_LLAMA names it and a model: {"folder":"…","model":"….gguf"}.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import t, { type Test } from 'tap'
import type { LlamaOptions } from '../../../models/index.ts'
import { llamaEmbedder, llamaModel, missingForLlama, whileUp } from '../../../models/index.ts'

const request = { instructions: 'do', prompt: 'with', maximumTokens: 50 }
const schema = { type: 'object', properties: { total: { type: ['string', 'null'] } }, required: ['total'], additionalProperties: false }

/** Tells what it was asked; a model's file says how it behaves. */
const standIn = `
import { existsSync, readFileSync } from 'node:fs'
export class LlamaChatSession {
  constructor(options) { this.options = options }
  async prompt(text, options) {
    options.signal.throwIfAborted()
    if (text === 'never') { return new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason))) }
    if (text === 'crash') { process.abort() }
    return JSON.stringify({ text, system: this.options.systemPrompt, cleared: this.options.contextSequence.cleared, ...options, signal: undefined })
  }
  dispose() {}
}
export async function getLlama(options) {
  return {
    async createGrammarForJsonSchema(schema) { return { schema } },
    async loadModel({ modelPath }) {
      if (!readFileSync(modelPath, 'utf8').startsWith('GGUF')) { throw new Error('no magic') }
      while (existsSync(modelPath + '.slow')) { await new Promise((resolve) => setTimeout(resolve, 10)) }
      return {
        trainContextSize: 1000,
        tokenize: (text) => [...text],
        createContext: async () => ({ getSequence: () => ({ cleared: 0, async clearHistory() { this.cleared += 1 } }) }),
        createEmbeddingContext: async ({ contextSize }) => ({
          async getEmbeddingFor(tokens) {
            if (tokens.length + 2 >= contextSize) { throw new Error('Input is longer than the usable context size.') }
            return { vector: tokens.length === 0 ? [] : [3, 4] }
          },
        }),
      }
    },
  }
}
`

function install(t: Test): LlamaOptions {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-llama-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const dist = join(folder, 'node_modules', 'node-llama-cpp', 'dist')
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(dist, 'index.js'), standIn)
  writeFileSync(join(dist, '..', 'package.json'), '{"type":"module"}')
  const model = join(folder, 'small.gguf')
  writeFileSync(model, 'GGUF')
  return { folder, model, timeoutMs: 60_000 }
}

t.test('a request reaches the model steady and bounded, and nothing of the one before', async (t) => {
  const options = install(t)
  const model = llamaModel(options)
  t.equal(model.name, 'llama/small.gguf')
  t.same(JSON.parse(await model.answer({ ...request, schema })), { text: 'with', system: 'do', cleared: 1, maxTokens: 50, temperature: 0, seed: 1, stopOnAbortSignal: true, grammar: { schema } })
  const pieces: string[] = []
  for await (const piece of model.write(request)) {
    pieces.push(piece)
  }
  t.same(pieces.map((piece) => JSON.parse(piece) as unknown), [{ text: 'with', system: 'do', cleared: 2, maxTokens: 50, temperature: 0, seed: 1, stopOnAbortSignal: true }])
  t.same(await llamaEmbedder(options).embed(['a', 'b']), [[0.6, 0.8], [0.6, 0.8]])
  t.same(await llamaEmbedder(options).embed(['x'.repeat(2_000)]), [[0.6, 0.8]], 'of a long text its beginning')
  await t.rejects(llamaEmbedder(options).embed(['']), { code: 'ANSWER_INVALID' })
})

t.test('a model that hangs or crashes takes nothing with it', async (t) => {
  const options = install(t)
  const model = llamaModel(options)
  const stop = new AbortController()
  t.match(JSON.parse(await model.answer({ ...request, schema })), { cleared: 1 })
  const hung = model.answer({ ...request, prompt: 'never', schema }, { signal: stop.signal })
  stop.abort()
  await t.rejects(hung, { code: 'MODEL_UNAVAILABLE', message: /ABORTED/ })
  t.match(JSON.parse(await model.answer({ ...request, schema })), { cleared: 3 }, 'who goes costs nobody the loading of the model')
  await t.rejects(model.answer({ ...request, prompt: 'crash', schema }), { code: 'MODEL_UNAVAILABLE', message: /CRASHED/ })
  const settings = { ...options }
  const slow = llamaModel(settings)
  await slow.answer({ ...request, schema })
  settings.timeoutMs = 50
  await t.rejects(slow.answer({ ...request, prompt: 'never', schema }), { code: 'MODEL_UNAVAILABLE', message: /TIMEOUT/ })
  t.match(JSON.parse(await model.answer({ ...request, schema })), { text: 'with' }, 'the next request is answered')
})

t.test('who asks while a large model is loaded goes without an answer, and whoever asks after that has one', async (t) => {
  const options = install(t)
  writeFileSync(`${options.model}.slow`, '')
  const settings = { ...options, timeoutMs: 50 }
  const embedder = llamaEmbedder(settings)
  await t.rejects(embedder.embed(['a']), { code: 'MODEL_UNAVAILABLE', message: /BUSY/ })
  await t.rejects(embedder.embed(['a']), { code: 'MODEL_UNAVAILABLE', message: /BUSY/ })
  rmSync(`${options.model}.slow`)
  settings.timeoutMs = 60_000
  t.same(await embedder.embed(['a']), [[0.6, 0.8]])
})

t.test('what is missing is named', async (t) => {
  const options = install(t)
  t.equal(missingForLlama(options), undefined)
  const elsewhere = { ...options, folder: join(options.folder, 'elsewhere') }
  t.match(missingForLlama(elsewhere), /elsewhere.*package\.json/)
  await t.rejects(llamaModel(elsewhere).answer({ ...request, schema }), { code: 'MODEL_REFUSED', message: /is not there/ })
  const patient = whileUp(llamaModel(options), { window: 2, minimumRecords: 1, openFor: '1h', probes: 1 })
  await t.rejects(patient.answer({ ...request, prompt: 'x'.repeat(900), schema }), { code: 'REQUEST_TOO_LONG', message: /longer/ })
  t.ok(await patient.answer({ ...request, schema }), 'another request is asked all the same')
  writeFileSync(options.model, 'something else')
  await t.rejects(llamaModel(options).answer({ ...request, schema }), { code: 'MODEL_REFUSED', message: /GGUF/ })
  writeFileSync(join(options.folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js'), 'throw new Error()')
  writeFileSync(options.model, 'GGUF')
  await t.rejects(llamaModel(options).answer({ ...request, schema }), { code: 'MODEL_REFUSED', message: /cannot be loaded/ })
})

const real = process.env['MILLRACE_LLAMA']
if (real === undefined) {
  t.comment('MILLRACE_LLAMA is not set: node-llama-cpp itself was not run')
} else {
  t.test('node-llama-cpp itself', async (t) => {
    const options: LlamaOptions = { timeoutMs: 120_000, ...(JSON.parse(real) as { readonly folder: string; readonly model: string }) }
    const model = llamaModel(options)
    const answer = await model.answer({ ...request, schema: { ...schema, properties: { total: { enum: ['a', 'b'] } } } })
    t.match(JSON.parse(answer), { total: /^[ab]$/ }, 'it keeps to the schema')
    t.equal(await model.answer({ ...request, schema: { ...schema, properties: { total: { enum: ['a', 'b'] } } } }), answer, 'the same question, the same answer')
    const stop = new AbortController()
    const long = model.answer({ ...request, maximumTokens: 500, schema }, { signal: stop.signal })
    stop.abort()
    await t.rejects(long, { code: 'MODEL_UNAVAILABLE', message: /ABORTED/ })
    t.equal(await model.answer({ ...request, schema: { ...schema, properties: { total: { enum: ['a', 'b'] } } } }), answer, 'behind one that was given up')
    const [vector] = await llamaEmbedder(options).embed(['hello'])
    t.ok(Math.abs(Math.hypot(...vector!) - 1) < 1e-6, 'of length 1')
    t.equal((await llamaEmbedder(options).embed(['hello '.repeat(5_000)])).length, 1, 'of a long text its beginning')
  })
}

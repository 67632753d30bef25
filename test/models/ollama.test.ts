/** Ollama's own client against a server that speaks its protocol. */
import t, { type Test } from 'tap'
import { ollamaEmbedder, ollamaModel, whileUp } from '../../models/index.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

async function server(t: Test): Promise<ScriptedOllama> {
  const ollama = await new ScriptedOllama().start()
  t.teardown(() => ollama.stop())
  return ollama
}

const request = { instructions: 'do', prompt: 'with', maximumTokens: 50 }
const schema = { type: 'object' }

t.test('an answer is asked for by schema, steady and bounded', async (t) => {
  const ollama = await server(t)
  ollama.chat = () => '{"total":null}'
  const model = ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 60_000 })
  t.equal(model.name, 'ollama/small')
  t.equal(await model.answer({ ...request, schema }), '{"total":null}')
  t.match(ollama.calls, [{
    path: '/api/chat',
    body: {
      model: 'small', stream: false, format: schema, options: { temperature: 0, num_predict: 50 },
      messages: [{ role: 'system', content: 'do' }, { role: 'user', content: 'with' }],
    },
  }])
  t.notOk('tools' in ollama.calls[0]!.body, 'there is nothing to call')
})

t.test('a stream comes piece by piece; whoever stops reading stops the model', async (t) => {
  const ollama = await server(t)
  ollama.chat = () => ['one ', 'two ', 'three']
  const model = ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 60_000 })
  const pieces: string[] = []
  for await (const piece of model.write(request)) {
    pieces.push(piece)
  }
  t.same(pieces, ['one ', 'two ', 'three', ''])
  ollama.chat = () => Array.from({ length: 50_000 }, () => 'more and more and more ')
  for await (const piece of model.write(request)) {
    t.equal(piece, 'more and more and more ')
    break
  }
  t.pass('and the generator came back')
})

t.test('what goes wrong is one of three errors, and none of them quotes anything', async (t) => {
  const ollama = await server(t)
  const model = ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 60_000 })
  for (const [status, code] of [[404, 'MODEL_REFUSED'], [400, 'MODEL_REFUSED'], [500, 'MODEL_UNAVAILABLE'], [503, 'MODEL_UNAVAILABLE']] as const) {
    ollama.chat = () => ({ status })
    const error = await model.answer({ ...request, schema }).then(() => undefined, (failure: unknown) => failure as Error & { code: string })
    t.match(error, { name: 'ModelError', code, message: new RegExp(String(status)) })
    t.notMatch(error!.message, /secret|with/)
  }
  ollama.chat = () => 'BREAK'
  await t.rejects(async () => {
    for await (const _piece of model.write(request)) {
      // until it breaks
    }
  }, { code: 'MODEL_UNAVAILABLE' })
  const nobody = ollamaModel({ url: 'http://127.0.0.1:1', model: 'small', timeoutMs: 60_000 })
  await t.rejects(nobody.answer({ ...request, schema }), { code: 'MODEL_UNAVAILABLE' })
})

t.test('a server that is silent is given up: after the time-out, or when nobody wants the answer any more', async (t) => {
  const ollama = await server(t)
  ollama.chat = () => 'SILENCE'
  await t.rejects(ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 20 }).answer({ ...request, schema }), { code: 'MODEL_UNAVAILABLE' })
  const stop = new AbortController()
  const asked = new Promise<void>((resolve) => {
    ollama.chat = () => {
      resolve()
      return 'SILENCE'
    }
  })
  const answer = ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 60_000 }).answer({ ...request, schema }, { signal: stop.signal })
  const refused = t.rejects(answer, { code: 'MODEL_UNAVAILABLE' })
  await asked
  stop.abort()
  await refused
})

t.test('embeddings have length 1, in the order of the texts; what is none is an error', async (t) => {
  const ollama = await server(t)
  const embedder = ollamaEmbedder({ url: ollama.url, model: 'vectors', timeoutMs: 60_000 })
  ollama.embedding = (text) => (text === 'a' ? [3, 4] : [0, 2])
  t.same(await embedder.embed(['a', 'b']), [[0.6, 0.8], [0, 1]])
  t.match(ollama.calls, [{ path: '/api/embed', body: { model: 'vectors', input: ['a', 'b'] } }])
  for (const wrong of [[], [0, 0], ['x', 1], [Number.NaN]]) {
    ollama.embedding = () => wrong
    await t.rejects(embedder.embed(['a']), { code: 'ANSWER_INVALID' }, JSON.stringify(wrong))
  }
})

t.test('a model that is down is not asked for a while, and then tried again', async (t) => {
  const ollama = await server(t)
  let now = 0
  const model = whileUp(ollamaModel({ url: ollama.url, model: 'small', timeoutMs: 60_000 }), { window: 4, minimumRecords: 2, openFor: '10s', probes: 1 }, () => now)
  ollama.chat = () => ({ status: 503 })
  const asked = async (): Promise<string> => model.answer({ ...request, schema }).catch((error: unknown) => (error as { code: string }).code)
  t.same([await asked(), await asked(), await asked(), await asked()], Array.from({ length: 4 }, () => 'MODEL_UNAVAILABLE'))
  t.equal(ollama.calls.length, 2, 'two failures were enough')
  await t.rejects(async () => {
    for await (const _piece of model.write(request)) {
      // nothing comes
    }
  }, { code: 'MODEL_UNAVAILABLE', message: /not asked for a while/ })
  t.equal(ollama.calls.length, 2)
  ollama.chat = () => 'up'
  now = 10_000
  t.same([await asked(), await asked()], ['up', 'up'])
  t.equal(ollama.calls.length, 4)
  for await (const piece of model.write(request)) {
    t.equal(piece, 'up')
    break
  }
  t.equal(await asked(), 'up', 'who stops reading has not failed')
})

/**
 * Every hostile file ends with its reason, in bounded time and memory, and the next document is read as if nothing had been. More of it
 * with MILLRACE_HOSTILE=wide, another run of fuzzing with MILLRACE_HOSTILE_SEED.
 */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { allowanceOf, defaultContainerBounds, type Part, shares } from '../../../processors/containers/index.ts'
import { classify, createDocumentParsers, createValidator, extract } from '../../../processors/index.ts'
import { kindOf } from '../../../processors/text/index.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { drawInvoice } from '../../../samples/pdf-invoice.ts'
import { createRandom } from '../../../samples/random.ts'
import type { HostileFile } from '../corpus.ts'
import { hostileFiles } from '../corpus.ts'

const wide = process.env['MILLRACE_HOSTILE'] === 'wide'
const seed = Number(process.env['MILLRACE_HOSTILE_SEED'] ?? 20_261_121)
/** ms a parser may take here; a file may need two of them and the start of a new process. */
const parserMs = wide ? 30_000 : 8_000
const fileMs = 3 * parserMs
/** A parser is killed at 1200 MiB, looked at five times a second: what it takes in between is what it can touch in that time. */
const maxChildMiB = 2000

const bounds = { inspectTimeoutMs: parserMs, parseTimeoutMs: parserMs, pageTimeoutMs: parserMs }
const parsers = createDocumentParsers({ bounds })
const validator = createValidator()
t.setTimeout(wide ? 3_600_000 : 200_000)
t.teardown(() => parsers.close())

/** Documents that one file may become here: more would be a bomb that went off. */
const maxDocuments = 1500

/**
 * How it ends: a refusal's code, `scan` when its pages have to be recognised, `read` when it went through all steps that parse, `unfolded` when
 * all of it is in its parts, each of which goes the same way.
 */
async function endOf(file: Pick<HostileFile, 'name' | 'contentType' | 'bytes'>, count: { documents: number }, allowance = allowanceOf({}, defaultContainerBounds.maxUnfoldedBytes)): Promise<string> {
  count.documents += 1
  if (count.documents > maxDocuments) {
    return 'too many documents'
  }
  const own = { maxParts: allowance.parts, maxUnfoldedBytes: allowance.bytes }
  const received = await parsers.receiver.receive({ bytes: file.bytes, contentType: file.contentType }, { depth: allowance.depth, bounds: own })
  if (received.outcome === 'rejected') {
    t.ok(received.reason.length > 0 && received.reason.length < 200, `${file.name}: a reason`)
    return received.code
  }
  if (received.outcome === 'accepted' && received.parts > 0) {
    const kind = received.kind === 'zip' ? 'zip' : 'mail'
    const parts: Part[] = []
    for (let from: number | undefined = 0; from !== undefined;) {
      const unfolded = await parsers.reader.unfold(kind, file.bytes, from, { bounds: own })
      if (!unfolded.ok) {
        return unfolded.failure.code
      }
      parts.push(...unfolded.value.parts)
      from = unfolded.value.next
    }
    const given = shares(allowance, parts.map(({ bytes }) => ({ size: bytes.byteLength, container: ['zip', 'mail'].includes(kindOf(bytes) ?? '') })))
    for (const [n, part] of parts.entries()) {
      await endOf({ name: `${file.name}/${part.section}`, contentType: part.contentType ?? '', bytes: part.bytes }, count, given[n])
    }
    if (kind === 'zip') {
      return 'unfolded'
    }
  }
  const text = wide ? await parsers.reader.read(file.bytes, { bounds: { maxOcrPages: 2 } }) : await parsers.reader.readText(file.bytes)
  if (text === 'scan') {
    return 'scan'
  }
  if (!text.ok) {
    return text.failure.code
  }
  const classification = classify(text.value)
  const extraction = extract(text.value)
  if (!extraction.ok) {
    return extraction.failure.code
  }
  await validator.validate({ type: classification.type, extraction: extraction.value, receivedDay: '2026-11-21' })
  return 'read'
}

/** Highest resident size any child of this process ever had, MiB: what the kernel counted. */
function peakOfChildren(): number {
  const children = readdirSync('/proc/self/task').flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ')).filter((pid) => pid !== '')
  return Math.max(0, ...children.map((pid) => {
    try {
      return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
    } catch {
      return 0
    }
  }))
}

t.test('every file ends with its reason, in time', async (t) => {
  const random = createRandom(1)
  const invoice = createInvoice(random, { language: 'en', now: new Date('2026-11-21') })
  const good = await (await drawInvoice(random, invoice)).save()
  const before = process.memoryUsage().rss
  const ends = new Map<string, number>()
  let peak = 0
  const watch = process.platform === 'linux' ? setInterval(() => { peak = Math.max(peak, peakOfChildren()) }, 100) : undefined
  t.teardown(() => clearInterval(watch))
  for await (const file of hostileFiles({ seed, fuzzed: wide ? 400 : 30, wide })) {
    const started = performance.now()
    const count = { documents: 0 }
    const end = await endOf(file, count)
    const took = performance.now() - started
    ends.set(end, (ends.get(end) ?? 0) + 1)
    t.ok(file.ends.includes(end), `${file.name} (${file.bytes.length} bytes) ends as ${end}`)
    t.ok(took < fileMs * count.documents, `${file.name}: ${Math.round(took)} ms, ${count.documents} documents`)
  }
  t.comment([...ends].map(([end, count]) => `${end} ${count}`).join(', '), `seed ${seed}, largest parser ${Math.round(peak)} MiB`, parsers.reader.stats().parse)
  t.ok(peak < maxChildMiB, `a parser took at most ${Math.round(peak)} MiB`)
  t.ok(process.memoryUsage().rss - before < 400 * 1024 * 1024, 'this process did not grow with them')
  t.equal(({} as { polluted?: unknown }).polluted, undefined, 'no prototype was changed')

  // The pool has forgotten all of them.
  const read = await parsers.reader.readText(good)
  t.ok(read !== 'scan' && read.ok, 'the next document is read')
  const extraction = read !== 'scan' && read.ok ? extract(read.value) : undefined
  t.equal(extraction?.ok === true ? extraction.value.fields.invoiceNumber?.normalised : undefined, invoice.number.toUpperCase())
  t.match(parsers.reader.stats().parse, { busy: 0, queued: 0 }, 'nothing is left behind')
})

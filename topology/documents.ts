/**
 * The map: how a document flows. Wiring only: what a step does is in `processors/`, how it meets the engine in `steps/`.
 *
 *   documents.raw → admit → receive → dedupe → text → classify → extract → validate → enrich → second look → similar text
 *                                └────────┴───────┴───────┴─────────┴─────────┴─────────┴──────────┴──→ lifecycle → archive, processed,
 *                                                             ↑          ↑                               lifecycle, review, duplicates
 *   documents.corrections → correct (in lifecycle's store) ───┼──────────┘ documents.corrected (to be read, if it was a duplicate until now)
 *                                └→ learn → remember ─────────┘ vendor-memory (a table that extract reads)
 *   vendor-memory.erasures → forget ──┘
 *   documents.dead-letter → end-dead-lettered ──→ lifecycle: what a step gave up for good has an end, too
 *   dedupe → unfold (mails, archives) → documents.raw, once for each part
 *   vendors → index-vendors → vendors.index (what enrich reads)
 *   rules → accept-rules → rules.accepted (what validate reads), rules.refused
 */
import { type KStream, Serdes, type StreamsBuilder, Stores } from 'millrace'
import type { DocumentReview, RuleSet, Vendor as WireVendor } from '../avro/types.ts'
import type { FirstSeen, KnownInvoice, KnownText } from '../processors/dedupe/index.ts'
import { contentKey } from '../processors/dedupe/index.ts'
import type { Vendor } from '../processors/enrich/index.ts'
import type { VendorMemory } from '../processors/learn/index.ts'
import type { DocumentState, LifecycleEvent } from '../processors/lifecycle/index.ts'
import type { ApplicationConfig } from './config.ts'
import { promptTable, resolveDoubts } from './doubts.ts'
import { divide, patiently, toDeadLetters } from './flow.ts'
import { embedChunks, writeTexts } from './search.ts'
import { openServices, type Services } from './services.ts'
import { acceptRules, isVerdict } from './steps/accept-rules.ts'
import { admit } from './steps/admit.ts'
import { classifyAndExtract, type ExtractedDocument } from './steps/classify-extract.ts'
import { correct, isCorrectionOutput, type ReturningDocument, wasExtracted } from './steps/correct.ts'
import { endDeadLettered, lostSerde } from './steps/dead-letters.ts'
import { dedupe } from './steps/dedupe.ts'
import { enrichStep } from './steps/enrich.ts'
import { forgetVendor } from './steps/forget.ts'
import { indexVendors } from './steps/index-vendors.ts'
import { learn, type Lesson, rememberVendor, type Teaching } from './steps/learn.ts'
import { isOutput, keepLifecycle, type Output, outputs } from './steps/lifecycle.ts'
import { receive, type StoredDocument } from './steps/receive.ts'
import { type ComparableDocument, identityOf, isLookedAt, type LookedAt, secondLook } from './steps/second-look.ts'
import { similarText } from './steps/similar-text.ts'
import { readText, recognise } from './steps/text.ts'
import { validateStep } from './steps/validate.ts'
import { rawTopicOfTenant } from './topics.ts'
import { unfoldContainers } from './unfolding.ts'
import { LEARNED } from './vendor-memories.ts'

const TENANTS = 'tenants'
const RULES = 'rules-accepted'
const VENDOR_INDEX = 'vendor-index'
const VENDOR_KEYS = 'vendor-keys'
const RATES = 'exchange-rates'
const VENDOR_MEMORY = 'vendor-memory'
const FIRST_SEEN = 'first-seen'
const KNOWN_INVOICES = 'known-invoices'
const KNOWN_TEXTS = 'known-texts'
const TEXT_LOOKUPS = 'text-lookups'
const DOCUMENT_STATES = 'document-states'

/** The topology's module: `settings` is the application's configuration. */
export default function documents(builder: StreamsBuilder, settings: unknown): void {
  wire(builder, openServices(settings as ApplicationConfig))
}

export function wire(b: StreamsBuilder, services: Services): void {
  const { topics, serdes, config } = services
  const key = Serdes.string()
  const tenant = (key: string): string => key.slice(0, key.indexOf('|'))

  b.globalTable(topics.tenants.name, { name: TENANTS, key, value: serdes.tenant })
  b.globalTable(topics.rulesAccepted.name, { name: RULES, key, value: serdes.rulesAccepted })
  b.globalTable(topics.vendorIndex.name, { name: VENDOR_INDEX, key, value: Serdes.json<Vendor>() })
  b.globalTable(topics.exchangeRates.name, { name: RATES, key, value: serdes.exchangeRate })

  b.globalTable(topics.vendorMemory.name, { name: LEARNED, key, value: Serdes.json<VendorMemory>() })

  const stored = Serdes.json<StoredDocument>()
  const extracted = Serdes.json<ExtractedDocument>()
  const returning = Serdes.json<ReturningDocument>()

  const admitted = b
    .stream([topics.raw.name, ...config.tenantTopics.map((id) => rawTopicOfTenant(config.topicPrefix, id))], { key, value: serdes.received, onError: toDeadLetters })
    .process(() => admit(topics.raw.name, TENANTS), { name: 'admit', stores: [TENANTS], onError: toDeadLetters })

  const received = divide(
    admitted.processAsync(receive(services, TENANTS), {
      name: 'receive', stores: [TENANTS], input: { key, value: serdes.received }, key, lane: (_value, key) => tenant(key),
      concurrency: 4, maxPending: 2_000, maxPendingBytes: 64 * 1024 * 1024, timeout: '2m', retry: patiently, onFailure: 'dead-letter',
    }),
  )

  const corrected = b
    .stream<string, ReturningDocument>(topics.corrected.name, { key, value: returning, onError: toDeadLetters })
    .split()
    .branch('extracted', wasExtracted)
    .defaultBranch('unread')
  const unseen = divide(
    received.documents
      .selectKey((key, { header }) => contentKey(tenant(key), header.sha256))
      .repartition({ name: 'by-content', key, value: stored })
      .process(() => dedupe(FIRST_SEEN, TENANTS), {
        name: 'dedupe', key,
        stores: [Stores.keyValueStore(FIRST_SEEN, { key, value: Serdes.json<FirstSeen>() }), TENANTS],
        onError: toDeadLetters,
      }),
  )
  const deduped = unfoldContainers({ ...unseen, documents: unseen.documents.merge(corrected.unread.mapValues((document) => document as StoredDocument)) }, services, TENANTS)

  // Two operators, so that a document with a text layer never waits behind another tenant's scans.
  const read = divide(
    deduped.documents.processAsync(readText(services), {
      name: 'text', input: { key, value: stored }, key, lane: (_value, key) => tenant(key),
      concurrency: 4, maxPending: 50_000, timeout: '10m', retry: patiently, onFailure: 'dead-letter',
    }),
  )
  const { scans, texts } = read.documents.split().branch('scans', (_key, document) => document.text === undefined).defaultBranch('texts')
  const recognised = divide(
    scans.mapValues(({ stored }) => stored).processAsync(recognise(services), {
      name: 'recognise', input: { key, value: stored }, key, lane: (_value, key) => tenant(key),
      concurrency: 2, maxPending: 50_000, timeout: '30m', retry: patiently, onFailure: 'dead-letter',
    }),
  )

  const readings = texts.merge(recognised.documents)
  const prompts = promptTable(b, services)
  const understood = resolveDoubts(
    divide(
      readings.processValues(() => classifyAndExtract(TENANTS, LEARNED, prompts), {
        name: 'extract', stores: [TENANTS, LEARNED, ...(prompts === undefined ? [] : [prompts])], onError: toDeadLetters,
      }),
    ),
    services,
  )
  const validated = divide(
    understood.documents.merge(corrected.extracted).processAsync(validateStep(TENANTS, RULES), {
      name: 'validate', stores: [TENANTS, RULES], input: { key, value: extracted }, key, lane: (_value, key) => tenant(key), retry: 3, onFailure: 'dead-letter',
    }),
  )
  const enriched = divide(validated.documents.processValues(() => enrichStep(TENANTS, VENDOR_INDEX, RATES), { name: 'enrich', stores: [TENANTS, VENDOR_INDEX, RATES], onError: toDeadLetters }))
  const { identified, others } = enriched.documents.split().branch('identified', isLookedAt).defaultBranch('others')
  const lookedAgain = divide(
    identified
      .selectKey((_key, document) => identityOf(document))
      .repartition({ name: 'by-invoice', key, value: Serdes.json<LookedAt>() })
      .process(() => secondLook(KNOWN_INVOICES, TENANTS), {
        name: 'second-look', key,
        stores: [Stores.keyValueStore(KNOWN_INVOICES, { key, value: Serdes.json<readonly KnownInvoice[]>() }), TENANTS],
        onError: toDeadLetters,
      }),
  )
  const comparable = others.mapValues((document) => document as ComparableDocument)
  const compared = comparable
    .merge(lookedAgain.documents)
    .selectKey((_key, { header }) => header.tenantId)
    .repartition({ name: 'by-tenant', key, value: Serdes.json<ComparableDocument>() })
    .process(() => similarText(KNOWN_TEXTS, TEXT_LOOKUPS, TENANTS), {
      name: 'similar-text', key,
      stores: [Stores.keyValueStore(KNOWN_TEXTS, { key, value: Serdes.json<KnownText>() }), Stores.keyValueStore(TEXT_LOOKUPS, { key, value: Serdes.json<true>() }), TENANTS],
      onError: toDeadLetters,
    })
    .mapValues(({ did }) => did)

  const lost = b
    .stream(topics.deadLetter.name, { key: Serdes.bytes(), value: lostSerde(serdes.received), onError: { deserialization: 'skip' } })
    .process(() => endDeadLettered(topics.raw.name), { name: 'end-dead-lettered', onError: toDeadLetters })
    .mapValues(({ did }) => did)

  const events: KStream<string, LifecycleEvent> = [received, deduped, read, recognised, understood, validated, enriched, lookedAgain]
    .map((step) => step.events)
    .concat(compared, lost)
    .reduce((all, step) => all.merge(step))

  const results = events
    .repartition({ name: 'lifecycle', key, value: Serdes.json<LifecycleEvent>() })
    .process(() => keepLifecycle(DOCUMENT_STATES), {
      name: 'lifecycle', key,
      stores: [Stores.keyValueStore(DOCUMENT_STATES, { key, value: Serdes.json<DocumentState>() })],
      onError: toDeadLetters,
    })
  const corrections = b
    .stream(topics.corrections.name, { key, value: serdes.correction, onError: toDeadLetters })
    .process(() => correct(DOCUMENT_STATES), { name: 'correct', key, stores: [DOCUMENT_STATES], onError: toDeadLetters })
    .split()
    .branch('corrected', isCorrectionOutput('corrected'))
    .branch('lessons', isCorrectionOutput('lesson'))
    .defaultBranch('outputs')
  corrections.corrected.mapValues(({ document }) => document).to(topics.corrected.name, { key, value: returning })
  write(results.merge(corrections.outputs.mapValues((output) => output as Output)), services)
  // the last, so that the numbers of the others stay
  acceptRuleSets(b, services)
  learnFromCorrections(b, corrections.lessons.mapValues(({ lesson }) => lesson), services)
  indexVendorTable(b, services)
  writeTexts(readings, services)
  embedChunks(b, services)
}

/** Where a vendor prints what a person had to correct, until somebody wants it forgotten; the table that extract reads is made of it. */
function learnFromCorrections(b: StreamsBuilder, lessons: KStream<string, Lesson>, services: Services): void {
  const key = Serdes.string()
  const value = Serdes.json<VendorMemory>()
  const forgotten = b
    .stream(services.topics.vendorMemoryErasures.name, { key, value: services.serdes.vendorMemoryErasure, onError: toDeadLetters })
    .process(() => forgetVendor(), { name: 'forget', onError: toDeadLetters })
  lessons
    .processAsync(learn(services, TENANTS), {
      name: 'learn', stores: [TENANTS], input: { key, value: Serdes.json<Lesson>() }, key, concurrency: 1, timeout: '30m', retry: patiently, onFailure: 'dead-letter',
    })
    .mapValues((memory): Teaching => memory)
    .merge(forgotten.mapValues((forget): Teaching => forget))
    .repartition({ name: 'by-vendor', key, value: Serdes.json<Teaching>() })
    .process(() => rememberVendor(VENDOR_MEMORY), { name: 'remember', key, stores: [Stores.keyValueStore(VENDOR_MEMORY, { key, value })], onError: toDeadLetters })
    .to(services.topics.vendorMemory.name, { key, value })
}

/** So that looking a vendor up costs the same however many a tenant has. */
function indexVendorTable(b: StreamsBuilder, { topics, serdes }: Services): void {
  const key = Serdes.string()
  b.stream<string, WireVendor | null>(topics.vendors.name, { key, value: serdes.vendor, onError: toDeadLetters })
    .process(() => indexVendors(VENDOR_KEYS), { name: 'index-vendors', key, stores: [Stores.keyValueStore(VENDOR_KEYS, { key, value: Serdes.json<readonly string[]>() })], onError: toDeadLetters })
    .to(topics.vendorIndex.name, { key, value: Serdes.json<Vendor>() })
}

/** What somebody writes to the rules is tried before it is in force. */
function acceptRuleSets(b: StreamsBuilder, { topics, serdes }: Services): void {
  const key = Serdes.string()
  const { accepted, refused } = b
    .stream<string, RuleSet | null>(topics.rules.name, { key, value: serdes.rules, onError: toDeadLetters })
    .processAsync(acceptRules(), { name: 'accept-rules', input: { key, value: serdes.rules }, key, onFailure: 'dead-letter' })
    .split()
    .branch('accepted', isVerdict('accepted'))
    .branch('refused', isVerdict('refused'))
    .noDefaultBranch()
  accepted.mapValues(({ value }) => value).to(topics.rulesAccepted.name, { key, value: serdes.rulesAccepted })
  refused.mapValues(({ value }) => value).to(topics.rulesRefused.name, { key, value: serdes.rulesRefused })
}

/** Results to their topics; those that end in a sink get its key. */
function write(results: KStream<string, Output>, { topics, serdes }: Services): void {
  const key = Serdes.string()
  const rowKey = (key: string): { tenant_id: string; document_id: string } => {
    const [tenant_id, document_id] = key.split('|') as [string, string]
    return { tenant_id, document_id }
  }
  const { changes, rows, processed, reviews, reviewed, duplicates } = results
    .split()
    .branch('changes', isOutput('change'))
    .branch('rows', isOutput('row'))
    .branch('processed', isOutput('processed'))
    .branch('reviews', isOutput('review'))
    .branch('reviewed', isOutput('reviewed'))
    .branch('duplicates', isOutput('duplicate'))
    .noDefaultBranch()
  changes.map((key, output) => [rowKey(key), outputs.change(output)]).to(topics.lifecycle.name, { key: serdes.lifecycleKey, value: serdes.lifecycle })
  rows.map((key, output) => [rowKey(key), outputs.row(output)]).to(topics.archive.name, { key: serdes.archiveKey, value: serdes.archive })
  processed.mapValues(outputs.processed).to(topics.processed.name, { key, value: serdes.processed })
  reviews.mapValues(outputs.review).to(topics.review.name, { key, value: serdes.review })
  reviewed.mapValues((): DocumentReview | null => null).to(topics.review.name, { key, value: serdes.review })
  duplicates.mapValues(outputs.duplicate).to(topics.duplicates.name, { key, value: serdes.duplicate })
}

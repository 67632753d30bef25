import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import type { DocumentHeader, DocumentState, FoldResult, LifecycleEvent, LifecycleState } from '../../processors/index.ts'
import { endStates, fold, mayFollow, transitions } from '../../processors/index.ts'

const header: DocumentHeader = { tenantId: 'acme', documentId: 'd', source: 'api', fileName: 'a.pdf', contentType: 'application/pdf', size: 5, sha256: 'f'.repeat(64), receivedAt: 1000, contentReference: 'content:x' }
const extraction = { fields: { seller: {}, buyer: {} }, lines: [], taxes: [], extractorVersion: 'e', truncated: false }
const events: Record<LifecycleState, LifecycleEvent> = {
  RECEIVED: { to: 'RECEIVED', step: 'receive', at: 1000, header },
  DEDUPLICATED: { to: 'DEDUPLICATED', step: 'dedupe', at: 1001 },
  UNFOLDED: { to: 'UNFOLDED', step: 'unfold', at: 1001, parts: 3 },
  TEXT_READ: { to: 'TEXT_READ', step: 'text', at: 1002, text: { route: 'ocr', language: 'en', pages: 2, quality: 0.9, version: 'v' } },
  CLASSIFIED: { to: 'CLASSIFIED', step: 'classify', at: 1003, classification: { type: 'invoice', probability: 0.9, method: 'words', modelVersion: 'm' } },
  EXTRACTED: { to: 'EXTRACTED', step: 'extract', at: 1004, extraction },
  VALIDATED: { to: 'VALIDATED', step: 'validate', at: 1005, validation: { ruleSetId: 'default', ruleSetVersion: 1, results: [], valid: true } },
  ENRICHED: { to: 'ENRICHED', step: 'enrich', at: 1006, enrichment: { missing: [] } },
  ARCHIVED: { to: 'ARCHIVED', step: 'lifecycle', at: 1007 },
  REJECTED: { to: 'REJECTED', step: 'receive', at: 1008, failure: { code: 'CORRUPT', field: 'content', reason: 'r' } },
  DUPLICATE: { to: 'DUPLICATE', step: 'dedupe', at: 1009, duplicateOf: 'c', reason: 'link', evidence: { by: 'sha256', fields: ['sha256'] } },
  IN_REVIEW: { to: 'IN_REVIEW', step: 'validate', at: 1010, reasons: [{ code: 'RULE_FAILED', step: 'validate', subject: 'total-adds-up' }] },
  CORRECTED: { to: 'CORRECTED', step: 'review', at: 1011, classification: { type: 'invoice', probability: 0.9, method: 'words', modelVersion: 'm' }, extraction, corrections: [{ id: 'c', field: 'grandTotal', from: '1.00', to: '2.00', by: 'ann', at: 1011, revision: 9 }] },
  DEAD_LETTERED: { to: 'DEAD_LETTERED', step: 'text', at: 1012, code: 'TIMEOUT', header },
  ERASED: { to: 'ERASED', step: 'erase', at: 1013, by: 'ann' },
}
const way: readonly LifecycleState[] = ['RECEIVED', 'DEDUPLICATED', 'TEXT_READ', 'CLASSIFIED', 'EXTRACTED', 'VALIDATED', 'ENRICHED', 'ARCHIVED']

function walk(states: readonly LifecycleState[], now = 5_000_000): Extract<FoldResult, { ok: true }>[] {
  const results: Extract<FoldResult, { ok: true }>[] = []
  let state: DocumentState | undefined
  for (const name of states) {
    const result = fold(state, events[name], now)
    if (!result.ok) {
      throw new Error(`${result.code} ${result.from} ${result.to}`)
    }
    results.push(result)
    state = result.state
  }
  return results
}

t.test('the way of most ends in one row with everything', async (t) => {
  const results = walk(way)
  t.same(results.map((result) => result.row !== undefined), way.map((name) => name === 'ARCHIVED'))
  t.same(results.map((result) => [result.change.from, result.change.to]), way.map((name, n) => [way[n - 1], name]))
  t.match(results.at(-1)!.row, { tenantId: 'acme', documentId: 'd', status: 'ARCHIVED', type: 'invoice', pages: 2, valid: true, receivedAt: 1000, updatedAt: 1007, versions: '{"text":"v","classify":"m","extract":"e","rules":"default@1"}' })
})

t.test('the revision rises whatever the clock does', async (t) => {
  t.same(walk(way, 5_000_000).map((result) => result.change.revision), [5_000_000, 5_000_001, 5_000_002, 5_000_003, 5_000_004, 5_000_005, 5_000_006, 5_000_007])
  const [last] = walk(['RECEIVED'], 9_000_000)
  const back = fold(last!.state, events.DEDUPLICATED, 1)
  t.match(back, { ok: true, change: { revision: 9_000_001 } })
  const later = fold(last!.state, events.DEDUPLICATED, 9_999_999.7)
  t.match(later, { ok: true, change: { revision: 9_999_999 } })
  t.ok(Number.isSafeInteger(Date.UTC(2100, 0) * 1000), 'exact for a lifetime')
})

t.test('every pair not in the table is refused and changes nothing', async (t) => {
  const names = Object.keys(events) as LifecycleState[]
  for (const from of names) {
    for (const to of names) {
      const state: DocumentState = { state: from, revision: 1, header, reviewReasons: [], corrections: [] }
      const result = fold(state, events[to], 10)
      t.equal(result.ok, transitions[from].includes(to), `${from} to ${to}`)
      if (!result.ok) {
        t.match(result, { code: 'ILLEGAL_TRANSITION', from, to })
      } else {
        t.equal(result.row !== undefined, endStates.has(to), `${to} row`)
      }
    }
  }
  t.match(fold(undefined, events.TEXT_READ, 1), { ok: false, code: 'ILLEGAL_TRANSITION' })
  t.match(fold(undefined, { to: 'REJECTED', step: 'receive', at: 1, failure: { code: 'EMPTY', field: 'content', reason: '' } }, 1), { ok: false, code: 'UNKNOWN_DOCUMENT' })
})

t.test('ends: rejected, duplicate, review, dead letter', async (t) => {
  t.match(walk(['RECEIVED', 'REJECTED']).at(-1)!.row, { status: 'REJECTED', statusReason: 'CORRUPT', failure: /CORRUPT/, fields: null })
  t.match(walk(['RECEIVED', 'DUPLICATE']).at(-1)!.row, { status: 'DUPLICATE', duplicateOf: 'c', duplicateEvidence: '{"by":"sha256","fields":["sha256"]}' })
  const seenLast = walk([...way.slice(0, 7), 'DUPLICATE']).at(-1)!
  t.match(seenLast.row, { status: 'DUPLICATE', statusReason: 'link', duplicateOf: 'c', fields: /^\{/ }, 'with all that was found in it')
  t.match(seenLast.state.duplicateEvidence, { by: 'sha256' })
  t.match(walk([...way.slice(0, 6), 'IN_REVIEW']).at(-1)!.row, { status: 'IN_REVIEW', statusReason: 'RULE_FAILED', reviewReasons: /total-adds-up/ })
  t.match(walk(['RECEIVED', 'DEDUPLICATED', 'DEAD_LETTERED']).at(-1)!.row, { status: 'DEAD_LETTERED', statusReason: 'TIMEOUT' })
  t.match(walk(['DEAD_LETTERED']).at(-1)!.row, { status: 'DEAD_LETTERED' })
  const lost = { ...events.DEAD_LETTERED, header: { ...header, source: '', fileName: '', sha256: '', receivedAt: 1 } }
  const known = fold(walk(way.slice(0, 6)).at(-1)!.state, lost, 100)
  t.match(known, { ok: true, row: { status: 'DEAD_LETTERED', fileName: header.fileName, sha256: header.sha256, receivedAt: header.receivedAt } }, 'what was known stays known')
})

t.test('a correction goes through validation to the archive', async (t) => {
  const row = walk([...way.slice(0, 6), 'IN_REVIEW', 'CORRECTED', 'VALIDATED', 'ENRICHED', 'ARCHIVED']).at(-1)!.row
  t.match(row, { status: 'ARCHIVED', reviewReasons: null, corrections: /"by":"ann"/ })
})

t.test('received again begins anew', async (t) => {
  t.match(walk([...way, 'RECEIVED', 'REJECTED']).at(-1)!.row, { status: 'REJECTED', type: null, fields: null, language: null })
  const again = { ...events.RECEIVED, header: { ...header, fileName: 'b.pdf', receivedAt: header.receivedAt + 86_400_000 } }
  const received = fold(walk(way).at(-1)!.state, again, 100)
  t.match(received, { ok: true, state: { header: { fileName: 'b.pdf', receivedAt: header.receivedAt } } }, 'but stays where it is in the list of its day')
})

t.test('erasure keeps keys and times only, and nothing follows it', async (t) => {
  const { row, state } = walk([...way, 'ERASED']).at(-1)!
  const { tenantId, documentId, revision, status, receivedAt, updatedAt, ...rest } = row!
  t.same({ tenantId, documentId, status, receivedAt, updatedAt }, { tenantId: 'acme', documentId: 'd', status: 'ERASED', receivedAt: 1000, updatedAt: 1013 })
  t.ok(revision > 5_000_000)
  t.ok(Object.values(rest).every((value) => value === null), JSON.stringify(rest))
  t.notMatch(JSON.stringify(state), /a\.pdf|content:x|fff/)
  t.same(transitions.ERASED, [])
})

t.test('any sequence of events keeps the invariants', async (t) => {
  const names = Object.keys(events) as LifecycleState[]
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 1000 })), { maxLength: 40 }), (steps) => {
    let state: DocumentState | undefined
    for (const [name, now] of steps) {
      const result = fold(state, events[name], now)
      if (result.ok !== mayFollow(state?.state, name) && !(state === undefined && !result.ok && result.code === 'UNKNOWN_DOCUMENT')) {
        return false
      }
      if (result.ok) {
        if (result.change.revision <= (state?.revision ?? -1)) {
          return false
        }
        state = result.state
      }
    }
    return true
  }))
  t.pass('no sequence breaks them')
})

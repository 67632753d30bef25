/**
 * What looking a vendor up costs as a tenant's vendors grow: in the index, and by reading the tenant's rows. One process, no broker.
 *
 *   node benchmarks/documents/vendors.ts [vendors …, default 1000 10000 100000]
 *
 * RocksDB, rows as they are in the pipeline's tables (JSON in the index, JSON instead of Avro in the rows). Of the look-ups a third each finds
 * by VAT id, by name (two look-ups before it find nothing), and nothing at all. CPU time of the process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeyValueFormat, createKeyValueStore, openTaskState, storageEngine } from 'millrace-state-stores'
import { indexVendor, matchVendor, type Vendor, vendorLookupFrom, vendorLookupIn } from '../../processors/enrich/index.ts'
import type { Extraction, Field } from '../../processors/types.ts'

const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000, 100_000]
const TENANT = 'acme'
/** Other tenants' vendors lie around this one's. */
const TENANTS = ['abacus', TENANT, 'zenith']
const LOOKUPS = 20_000
const SCANS = 6
const CHUNK = 5_000

const vendor = (n: number): Vendor => ({ vendorId: `v${n}`, name: `Vendor number ${n} GmbH`, vatIds: [`DE${100_000_000 + n}`], ibans: [`DE89${String(n).padStart(18, '0')}`], aliases: [`V${n} Handel`] })
const field = (normalised: string): Field => ({ value: normalised, normalised, confidence: 1, provenance: { page: 1, method: 'text-layer' } })
const json: KeyValueFormat<string, Vendor> = {
  serializeKey: (key) => Buffer.from(key), deserializeKey: (bytes) => Buffer.from(bytes).toString(),
  serializeValue: (value) => Buffer.from(JSON.stringify(value)), deserializeValue: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Vendor,
}

/** The n-th document's: found by VAT id, by name, not at all. */
function document(n: number, size: number): Extraction {
  const of = (n * 7_919) % size
  const seller = [{ vatId: field(`DE${100_000_000 + of}`) }, { vatId: field('GB1'), name: field(`V${of} HANDEL`) }, { vatId: field('GB1'), name: field(`Nobody ${of}`) }][n % 3]!
  return { fields: { seller, buyer: {}, iban: field('GB1') }, lines: [], taxes: [], extractorVersion: '1', truncated: false }
}

/** µs of CPU for each. */
function cost(times: number, work: (n: number) => void): number {
  const before = process.cpuUsage()
  for (let n = 0; n < times; n++) {
    work(n)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

async function measure(size: number, folder: string): Promise<string> {
  const state = await openTaskState({
    engine: storageEngine('rocksdb'), location: join(folder, String(size)), stores: [{ name: 'rows', kind: 'key-value', logged: false }, { name: 'index', kind: 'key-value', logged: false }],
  })
  const rows = createKeyValueStore(state.store('rows'), json, () => 0)
  const index = createKeyValueStore(state.store('index'), json, () => 0)
  for (const tenant of TENANTS) {
    for (let n = 0; n < size; n++) {
      rows.put(`${tenant}|v${n}`, vendor(n))
      for (const row of indexVendor(`${tenant}|v${n}`, [], vendor(n)).rows) {
        index.put(row.key, row.vendor!)
      }
      if (n % CHUNK === CHUNK - 1 || n === size - 1) {
        state.freeze()
        await state.applyFrozen(new Map())
      }
    }
  }
  const first = (prefix: string): Vendor | undefined => {
    for (const [, value] of index.prefixScan(Buffer.from(prefix))) {
      return value
    }
    return undefined
  }
  function* all(): Iterable<Vendor> {
    for (const [, value] of rows.prefixScan(Buffer.from(`${TENANT}|`))) {
      yield value
    }
  }
  const byIndex = (n: number) => matchVendor(document(n, size), vendorLookupIn(TENANT, first))
  const byScan = (n: number) => matchVendor(document(n, size), vendorLookupFrom(all()))
  for (let n = 0; n < SCANS; n++) {
    if (JSON.stringify(byIndex(n)) !== JSON.stringify(byScan(n))) {
      throw new Error(`The look-ups differ at ${n} of ${size}.`)
    }
  }
  cost(LOOKUPS / 4, byIndex)
  const figures = [cost(LOOKUPS, byIndex), cost(SCANS, byScan)]
  await state.close()
  return `| ${size} | ${figures.map((figure) => figure.toFixed(figure < 100 ? 1 : 0)).join(' | ')} |`
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-vendors-'))
try {
  console.log('| vendors of the tenant | µs of CPU in the index | µs of CPU over its rows |\n|---|---|---|')
  for (const size of SIZES) {
    console.log(await measure(size, folder))
  }
} finally {
  rmSync(folder, { recursive: true })
}

import type { AsyncProcessor, KeyValueStore, Processor, ProcessorContext, Record, ValueAndTimestamp } from 'millrace'
import type { Tenant } from '../../avro/types.ts'
import type { DateOrder } from '../../processors/extract/index.ts'
import { type Observation, observe, remember as remembered, type RememberedVendor, type TaughtField, type VendorMemory } from '../../processors/learn/index.ts'
import type { DocumentHeader } from '../../processors/lifecycle/index.ts'
import type { Services } from '../services.ts'
import { tenantOf } from '../tenants.ts'

/** What a person corrected on a document, and by what its vendor is known. */
export interface Lesson {
  readonly header: DocumentHeader
  readonly taught: readonly TaughtField[]
  /** Digests. */
  readonly vendors: readonly string[]
  /** Who it is, for people; lessons of earlier versions do not say. */
  readonly vendor?: Pick<RememberedVendor, 'name' | 'vatId'>
}

/** To be forgotten. */
export interface Forgotten {
  readonly forget: true
}

export type Teaching = VendorMemory | Forgotten

/** Key of what is remembered: one vendor of one tenant. */
export const vendorKey = (tenantId: string, digest: string): string => `${tenantId}|${digest}`

interface Input {
  readonly lesson: Lesson
  readonly dateOrder: DateOrder
}

/** Reads the corrected document's pages again (a scan is recognised again) and looks for what the person wrote. */
export function learn(services: Services, tenantStore: string): AsyncProcessor<string, Lesson, Input, Observation | 'nothing', VendorMemory> {
  return {
    prepare: ({ value: lesson }, context) => {
      const { dateOrder } = tenantOf(context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore), lesson.header.tenantId)
      return { lesson, dateOrder: dateOrder === 'mdy' ? 'month-day' : 'day-month' }
    },
    call: async ({ lesson: { header, taught }, dateOrder }, { signal }) => {
      const bytes = await bytesOf(services, header)
      if (bytes === undefined) {
        return 'nothing'
      }
      const text = await services.reader.read(bytes, { signal })
      if (!text.ok || text.value.eInvoice !== undefined) {
        return 'nothing'
      }
      const observed = observe(text.value, taught, dateOrder)
      return observed.places.length + observed.constants.length === 0 ? 'nothing' : observed
    },
    complete: (observed, record, context) => {
      if (observed === 'nothing') {
        return
      }
      const { header, vendors, vendor } = record.value
      const { marks, ...memory } = observed
      const keys = [...vendors, ...marks.map((mark) => mark.digest)]
      for (const digest of keys) {
        context.forward({ ...record, key: vendorKey(header.tenantId, digest), value: { ...memory, vendor: { ...vendor, at: record.timestamp, keys } } })
      }
    },
  }
}

/** What was erased since, or collected, teaches nothing: no retry would bring it back. */
async function bytesOf(services: Services, { tenantId, contentReference }: DocumentHeader): Promise<Uint8Array | undefined> {
  const content = await services.content()
  return (await content.has(tenantId, contentReference!)) === undefined ? undefined : await content.get(tenantId, contentReference!)
}

/** Adds a lesson to what is remembered of the vendor, and gives out the whole; null when it is forgotten. */
export function rememberVendor(store: string): Processor<string, Teaching, string, VendorMemory | null> {
  let context: ProcessorContext<string, VendorMemory | null>
  let memories: KeyValueStore<string, VendorMemory>
  return {
    init(given) {
      context = given
      memories = given.getStateStore(store)
    },
    process(record: Record<string, Teaching>) {
      if ('forget' in record.value) {
        memories.delete(record.key)
        context.forward({ ...record, value: null })
        return
      }
      const memory = remembered(memories.get(record.key), record.value)
      memories.put(record.key, memory)
      context.forward({ ...record, value: memory })
    },
  }
}

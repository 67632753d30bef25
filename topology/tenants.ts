import type { ValueAndTimestamp } from 'millrace'
import type { Tenant } from '../avro/types.ts'
import { RecordError } from './errors.ts'

interface TenantTable {
  get(tenantId: string): ValueAndTimestamp<Tenant> | undefined
}

/** The tenant's settings as the table has them now. @throws RecordError TENANT_UNKNOWN */
export function tenantOf(tenants: TenantTable, tenantId: string): Tenant {
  const found = tenants.get(tenantId)
  if (found === undefined) {
    throw new RecordError('TENANT_UNKNOWN', 'tenantId', 'no such tenant; add it to the tenants topic first')
  }
  return found.value
}

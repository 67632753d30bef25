import type { ValueAndTimestamp } from 'millrace'
import type { Tenant } from '../avro/types.ts'

/** Why a record belongs to nobody: it becomes a dead letter with this code. */
export type AdmissionErrorCode = 'VALUE_MISSING' | 'TENANT_INVALID' | 'DOCUMENT_ID_INVALID' | 'KEY_MISMATCH' | 'CONTENT_AMBIGUOUS' | 'RECEIVED_AT_INVALID' | 'PARENT_INVALID' | 'TENANT_UNKNOWN'

export class AdmissionError extends Error {
  readonly code: AdmissionErrorCode

  constructor(code: AdmissionErrorCode, message: string) {
    super(message)
    this.name = 'AdmissionError'
    this.code = code
  }
}

interface TenantTable {
  get(tenantId: string): ValueAndTimestamp<Tenant> | undefined
}

/** The tenant's settings as the table has them now. @throws AdmissionError TENANT_UNKNOWN */
export function tenantOf(tenants: TenantTable, tenantId: string): Tenant {
  const found = tenants.get(tenantId)
  if (found === undefined) {
    throw new AdmissionError('TENANT_UNKNOWN', 'tenantId: no such tenant; add it to the tenants topic first')
  }
  return found.value
}

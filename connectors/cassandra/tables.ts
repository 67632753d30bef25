/** The columns the sink writes, table by table; record fields have the same names. A test holds them to the migrations. */
export const TABLES = {
  document_by_id: [
    'tenant_id', 'document_id', 'revision', 'day', 'received_at', 'processed_at', 'status', 'source', 'file_name', 'content_type', 'size',
    'sha256', 'content', 'language', 'route', 'page_count', 'type', 'probability', 'vendor', 'vendor_id', 'number', 'date', 'due_date',
    'currency', 'subtotal', 'tax', 'total', 'fields', 'line_items', 'validation', 'enrichment', 'duplicate_of', 'reason_code', 'reason',
    'pipeline_version', 'versions', 'corrections', 'page_sizes', 'parent_id', 'part', 'part_count'
  ],
  documents_by_tenant_day: [
    'tenant_id', 'day', 'received_at', 'document_id', 'revision', 'processed_at', 'status', 'source', 'file_name', 'content_type', 'size',
    'sha256', 'type', 'vendor', 'number', 'date', 'currency', 'total', 'duplicate_of', 'reason_code'
  ],
  lifecycle_by_document: ['tenant_id', 'document_id', 'revision', 'from_state', 'to_state', 'at', 'step', 'reason_code', 'reason']
} as const

-- One row per document; written by the sink only. Nothing here may refuse a row for what a document says: free text
-- has no checks and no b-tree index (whose rows are limited to 2.7 kB), because a refused row stops the sink.

CREATE TABLE millrace.documents (
  tenant_id        text             NOT NULL,
  document_id      text             NOT NULL,
  revision         bigint           NOT NULL,
  day              text             NOT NULL,
  received_at      timestamptz      NOT NULL,
  processed_at     timestamptz      NOT NULL,
  status           text             NOT NULL,
  source           text             NOT NULL,
  file_name        text,
  content_type     text,
  size             bigint           NOT NULL,
  sha256           text,
  content          text,
  language         text,
  route            text,
  page_count       integer,
  type             text,
  probability      double precision,
  vendor           text,
  vendor_id        text,
  number           text,
  date             text,
  due_date         text,
  currency         text,
  subtotal         text,
  tax              text,
  total            text,
  fields           jsonb,
  line_items       jsonb,
  validation       jsonb,
  enrichment       jsonb,
  duplicate_of     text,
  reason_code      text,
  reason           text,
  pipeline_version text,
  versions         jsonb,
  -- money travels as text, so that no value can be refused; what is a number can be summed up here
  total_amount     numeric          GENERATED ALWAYS AS (CASE WHEN total ~ '^-?[0-9]{1,24}(\.[0-9]{1,9})?$' THEN total::numeric END) STORED,
  search           tsvector         GENERATED ALWAYS AS (to_tsvector('simple',
    left(coalesce(vendor, ''), 500) || ' ' || left(coalesce(number, ''), 200) || ' ' || left(coalesce(file_name, ''), 500))) STORED,
  PRIMARY KEY (tenant_id, document_id)
);

CREATE INDEX documents_received ON millrace.documents (tenant_id, received_at DESC, document_id DESC);
CREATE INDEX documents_status ON millrace.documents (tenant_id, status, received_at DESC, document_id DESC);
CREATE INDEX documents_fields ON millrace.documents USING gin (fields jsonb_path_ops);
CREATE INDEX documents_search ON millrace.documents USING gin (search);

-- The higher revision wins in whatever order records come; the same one again changes nothing.
CREATE FUNCTION millrace.keep_higher_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.revision <= OLD.revision THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER keep_higher_revision BEFORE UPDATE ON millrace.documents
  FOR EACH ROW EXECUTE FUNCTION millrace.keep_higher_revision();

-- FORCE: not even the owner sees rows without a policy.
ALTER TABLE millrace.documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE millrace.documents FORCE ROW LEVEL SECURITY;

CREATE POLICY sink_writes ON millrace.documents TO millrace_sink USING (true) WITH CHECK (true);
-- unset is null, and empty after a transaction that had set it: neither is a tenant
CREATE POLICY api_reads ON millrace.documents FOR SELECT TO millrace_api
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

GRANT SELECT, INSERT, UPDATE ON millrace.documents TO millrace_sink;
GRANT SELECT ON millrace.documents TO millrace_api;

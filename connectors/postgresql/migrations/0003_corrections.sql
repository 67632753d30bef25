-- What people corrected, and what a page measures in the unit of the boxes on it.

ALTER TABLE millrace.documents ADD COLUMN corrections jsonb;
ALTER TABLE millrace.documents ADD COLUMN page_sizes jsonb;

-- What the API took of a person's decisions, written before its record goes to Kafka: the same idempotency key gets the same
-- answer, and of two people who saw the same revision only the first is taken.
CREATE TABLE millrace.corrections (
  tenant_id        text             NOT NULL,
  document_id      text             NOT NULL,
  base_revision    bigint           NOT NULL,
  correction_id    text             NOT NULL,
  idempotency_key  text,
  -- of the request's body
  sha256           text             NOT NULL,
  taken_by         text             NOT NULL,
  taken_at         timestamptz      NOT NULL,
  -- Kafka has acknowledged the record
  produced         boolean          NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, document_id, base_revision)
);

CREATE UNIQUE INDEX corrections_key ON millrace.corrections (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

ALTER TABLE millrace.corrections ENABLE ROW LEVEL SECURITY;
ALTER TABLE millrace.corrections FORCE ROW LEVEL SECURITY;

CREATE POLICY api_owns ON millrace.corrections TO millrace_api
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

GRANT SELECT, INSERT, UPDATE ON millrace.corrections TO millrace_api;

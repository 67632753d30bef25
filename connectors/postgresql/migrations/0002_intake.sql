-- What the API took in, written before its record goes to Kafka: a document that was answered with 202 is found at once,
-- and the same idempotency key gets the same answer after a restart. Once the pipeline's row is in millrace.documents,
-- that row speaks for the document.

CREATE TABLE millrace.intake (
  tenant_id        text             NOT NULL,
  document_id      text             NOT NULL,
  idempotency_key  text,
  -- place of the file in its request
  ordinal          integer          NOT NULL,
  sha256           text             NOT NULL,
  size             bigint           NOT NULL,
  file_name        text,
  content_type     text,
  received_at      timestamptz      NOT NULL,
  -- Kafka has acknowledged the record; rows before that were never answered with 202 and are not shown
  produced         boolean          NOT NULL DEFAULT false,
  -- millrace.documents has a row of it
  ended            boolean          NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, document_id)
);

CREATE UNIQUE INDEX intake_key ON millrace.intake (tenant_id, idempotency_key, ordinal) WHERE idempotency_key IS NOT NULL;
CREATE INDEX intake_under_way ON millrace.intake (tenant_id, received_at DESC, document_id DESC) WHERE produced AND NOT ended;

ALTER TABLE millrace.intake ENABLE ROW LEVEL SECURITY;
ALTER TABLE millrace.intake FORCE ROW LEVEL SECURITY;

CREATE POLICY api_owns ON millrace.intake TO millrace_api
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

GRANT SELECT, INSERT, UPDATE ON millrace.intake TO millrace_api;

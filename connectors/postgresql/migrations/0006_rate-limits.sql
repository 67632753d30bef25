-- How many documents each tenant may still send, over all instances of the API: a token bucket per tenant.

CREATE TABLE millrace.rate_limits (
  tenant_id    text              PRIMARY KEY,
  -- documents left at refilled_at; what has flowed in since then is added when somebody takes
  level        double precision  NOT NULL,
  -- by this server's clock: those of the instances may differ
  refilled_at  timestamptz       NOT NULL,
  -- what the last one who asked was given
  granted      integer           NOT NULL
);

ALTER TABLE millrace.rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE millrace.rate_limits FORCE ROW LEVEL SECURITY;

CREATE POLICY api_owns ON millrace.rate_limits TO millrace_api
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

GRANT SELECT, INSERT, UPDATE ON millrace.rate_limits TO millrace_api;

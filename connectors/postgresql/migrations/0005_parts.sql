-- Documents that came out of others: which one, under what name in there, and how many came out of that.

ALTER TABLE millrace.documents ADD COLUMN parent_id text;
ALTER TABLE millrace.documents ADD COLUMN part text;
ALTER TABLE millrace.documents ADD COLUMN part_count integer;

CREATE INDEX documents_parts ON millrace.documents (tenant_id, parent_id, document_id) WHERE parent_id IS NOT NULL;

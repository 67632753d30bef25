-- Pieces of the documents' texts, for search; written by the sink only. A later reading of a document replaces all its
-- chunks. There is no index over words or embeddings: row-level security keeps any such index from being used before the
-- tenant's rows are told from the others', so a search reads its tenant's rows by the primary key.

CREATE TABLE millrace.chunks (
  tenant_id        text     NOT NULL,
  document_id      text     NOT NULL,
  chunk            integer  NOT NULL,
  revision         bigint   NOT NULL,
  chunks           integer  NOT NULL,
  page             integer,
  language         text,
  text             text     NOT NULL,
  -- as it arrives; kept as "vector"
  embedding        text,
  embedding_model  text,
  vector           public.vector,
  words            tsvector,
  PRIMARY KEY (tenant_id, document_id, chunk)
);

-- How words of a language are brought to their stems; the exact words are searched in any language.
CREATE FUNCTION millrace.text_search_configuration(language text) RETURNS regconfig LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE language
    WHEN 'da' THEN 'pg_catalog.danish' WHEN 'de' THEN 'pg_catalog.german' WHEN 'en' THEN 'pg_catalog.english' WHEN 'es' THEN 'pg_catalog.spanish'
    WHEN 'fi' THEN 'pg_catalog.finnish' WHEN 'fr' THEN 'pg_catalog.french' WHEN 'hu' THEN 'pg_catalog.hungarian' WHEN 'it' THEN 'pg_catalog.italian'
    WHEN 'nl' THEN 'pg_catalog.dutch' WHEN 'no' THEN 'pg_catalog.norwegian' WHEN 'pt' THEN 'pg_catalog.portuguese' WHEN 'ro' THEN 'pg_catalog.romanian'
    WHEN 'ru' THEN 'pg_catalog.russian' WHEN 'sv' THEN 'pg_catalog.swedish' WHEN 'tr' THEN 'pg_catalog.turkish'
    ELSE 'pg_catalog.simple' END::regconfig
$$;

-- Decides about every chunk that arrives: one of an earlier reading changes nothing, the first of a later one removes what
-- was there, the same one again changes nothing unless it brings the embedding. A document's chunks come through one partition,
-- so no two of them are decided about at once.
CREATE FUNCTION millrace.take_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  known bigint;
BEGIN
  IF EXISTS (SELECT FROM millrace.documents WHERE tenant_id = NEW.tenant_id AND document_id = NEW.document_id AND status = 'ERASED') THEN
    RETURN NULL;
  END IF;
  SELECT max(revision) INTO known FROM millrace.chunks WHERE tenant_id = NEW.tenant_id AND document_id = NEW.document_id;
  IF known > NEW.revision THEN
    RETURN NULL;
  END IF;
  IF known < NEW.revision THEN
    DELETE FROM millrace.chunks WHERE tenant_id = NEW.tenant_id AND document_id = NEW.document_id;
  END IF;
  UPDATE millrace.chunks
    SET vector = coalesce(NEW.embedding::public.vector, vector), embedding_model = coalesce(NEW.embedding_model, embedding_model)
    WHERE tenant_id = NEW.tenant_id AND document_id = NEW.document_id AND chunk = NEW.chunk;
  IF FOUND THEN
    RETURN NULL;
  END IF;
  NEW.vector := NEW.embedding::public.vector;
  NEW.embedding := NULL;
  NEW.words := to_tsvector('pg_catalog.simple', NEW.text) || to_tsvector(millrace.text_search_configuration(NEW.language), NEW.text);
  RETURN NEW;
END
$$;

CREATE TRIGGER take_chunk BEFORE INSERT ON millrace.chunks FOR EACH ROW EXECUTE FUNCTION millrace.take_chunk();

-- An erased document's text goes with it.
CREATE FUNCTION millrace.forget_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM millrace.chunks WHERE tenant_id = NEW.tenant_id AND document_id = NEW.document_id;
  RETURN NULL;
END
$$;

CREATE TRIGGER forget_chunks AFTER INSERT OR UPDATE ON millrace.documents
  FOR EACH ROW WHEN (NEW.status = 'ERASED') EXECUTE FUNCTION millrace.forget_chunks();

ALTER TABLE millrace.chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE millrace.chunks FORCE ROW LEVEL SECURITY;

CREATE POLICY sink_writes ON millrace.chunks TO millrace_sink USING (true) WITH CHECK (true);
CREATE POLICY api_reads ON millrace.chunks FOR SELECT TO millrace_api
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

-- DELETE: what a later reading replaces, and what is erased
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.chunks TO millrace_sink;
GRANT SELECT ON millrace.chunks TO millrace_api;

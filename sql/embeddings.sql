-- Embeddings of items and users in PostgreSQL with pgvector: schema, tables, indexes, views, roles.
--
-- Run it once in the database that shall hold them, as an account that may create the extension,
-- roles and a schema; running it again changes nothing:
--     psql --set ON_ERROR_STOP=1 --single-transaction --file sql/embeddings.sql "$DATABASE"
-- `endcap vectors load` does the same where the schema is missing and its account may.
--
-- Two roles own no password; give them to accounts of your own:
--     CREATE ROLE shop_api LOGIN PASSWORD '…' IN ROLE endcap_reader;   -- serving: reads, no more
--     CREATE ROLE shop_etl LOGIN PASSWORD '…' IN ROLE endcap_loader;   -- endcap vectors …
--
-- Needs PostgreSQL 13 and pgvector 0.8 (iterative index scans), or later.

CREATE EXTENSION IF NOT EXISTS vector;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['endcap_reader', 'endcap_loader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
  -- What follows belongs to the loader, so that any account with that role can go on with it.
  IF NOT pg_has_role(current_user, 'endcap_loader', 'USAGE') THEN
    EXECUTE format('GRANT endcap_loader TO %I', current_user);
  END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS endcap;

-- Versions. At most one of each shop and kind answers. Its vectors stand in tables of their own:
--   endcap.vectors_<number> (row, labels, embedding)   searched; HNSW for the inner product
--   endcap.ids_<number>     (row, id)                  whose they are; small, so that erasing an
--                                                      id can rewrite the file it stood in
-- Rows rise in the order of the ids (by code point). Ids and labels carry U+0000, which text
-- cannot hold, as U+0001 U+0001, and U+0001 as U+0001 U+0002: the order stays the same.
CREATE TABLE IF NOT EXISTS endcap.versions (
  number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop       text COLLATE "C" NOT NULL,      -- dataset group
  kind       text COLLATE "C" NOT NULL,      -- items, users
  version    text COLLATE "C" NOT NULL,      -- of the model they come from
  dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 16000),
  vectors    bigint NOT NULL DEFAULT 0,      -- how many it holds
  indexed    boolean NOT NULL DEFAULT false, -- by HNSW; a small version is searched exactly
  ef_search  integer NOT NULL DEFAULT 40,    -- what a search sets hnsw.ef_search to …
  recall     real,                           -- … and what of the true nearest it then found
  answers    boolean NOT NULL DEFAULT false,
  loaded_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop, kind, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS versions_one_answers
  ON endcap.versions (shop, kind) WHERE answers;

-- Make the two empty tables of a new version; its number.
CREATE OR REPLACE FUNCTION endcap.begin_version(
  of_shop text, of_kind text, of_version text, of_dimensions integer
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  made bigint;
BEGIN
  INSERT INTO endcap.versions (shop, kind, version, dimensions)
    VALUES (of_shop, of_kind, of_version, of_dimensions) RETURNING number INTO made;
  EXECUTE format(
    'CREATE TABLE endcap.ids_%s (row integer NOT NULL, id text COLLATE "C" NOT NULL)', made);
  EXECUTE format(
    'CREATE TABLE endcap.vectors_%s (row integer NOT NULL, labels jsonb, '
    'embedding vector(%s) NOT NULL)', made, of_dimensions);
  RETURN made;
END $$;

-- After the rows were copied in: keys, then the index where `with_hnsw`, statistics and rights.
CREATE OR REPLACE FUNCTION endcap.finish_version(
  of_number bigint, with_labels boolean, with_hnsw boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  ids text := format('endcap.ids_%s', of_number);
  vectors text := format('endcap.vectors_%s', of_number);
  counted bigint;
BEGIN
  EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (row)', ids);
  EXECUTE format('ALTER TABLE %s ADD UNIQUE (id)', ids);
  EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (row)', vectors);
  IF with_labels THEN
    EXECUTE format('CREATE INDEX ON %s USING gin (labels jsonb_path_ops)', vectors);
  END IF;
  IF with_hnsw THEN
    EXECUTE format(
      'CREATE INDEX ON %s USING hnsw (embedding vector_ip_ops) '
      'WITH (m = 16, ef_construction = 64)', vectors);
  END IF;
  EXECUTE format('ANALYZE %s', ids);
  EXECUTE format('ANALYZE %s', vectors);
  EXECUTE format('ALTER TABLE %s OWNER TO endcap_loader', ids);
  EXECUTE format('ALTER TABLE %s OWNER TO endcap_loader', vectors);
  EXECUTE format('GRANT SELECT ON %s, %s TO endcap_reader', ids, vectors);
  EXECUTE format('SELECT count(*) FROM %s', vectors) INTO counted;
  UPDATE endcap.versions SET vectors = counted, indexed = with_hnsw WHERE number = of_number;
END $$;

-- The name of the view of a shop's kind: default_items, default_users.
CREATE OR REPLACE FUNCTION endcap.view_name(of_shop text, of_kind text)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN length(of_shop) > 48 THEN left(of_shop, 39) || '_' || left(md5(of_shop), 8)
              ELSE of_shop END || '_' || of_kind
$$;

-- From the commit on, searches and the view answer from this version. What answered before is
-- kept, others that were loaded before it are dropped. False: there is no such version.
CREATE OR REPLACE FUNCTION endcap.switch_version(of_shop text, of_kind text, of_version text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  chosen bigint;
  before bigint;
  old bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('endcap ' || of_shop || ' ' || of_kind, 0));
  SELECT number INTO before FROM endcap.versions
    WHERE shop = of_shop AND kind = of_kind AND answers;
  SELECT number INTO chosen FROM endcap.versions
    WHERE shop = of_shop AND kind = of_kind AND version = of_version;
  IF chosen IS NULL THEN
    RETURN false;
  END IF;
  IF chosen IS NOT DISTINCT FROM before THEN
    RETURN true;
  END IF;
  FOR old IN
    SELECT number FROM endcap.versions
    WHERE shop = of_shop AND kind = of_kind AND number < chosen
      AND number IS DISTINCT FROM before
  LOOP
    PERFORM endcap.drop_version(old);
  END LOOP;
  UPDATE endcap.versions SET answers = false WHERE number = before;
  UPDATE endcap.versions SET answers = true WHERE number = chosen;
  EXECUTE format('DROP VIEW IF EXISTS endcap.%I', endcap.view_name(of_shop, of_kind));
  EXECUTE format(
    'CREATE VIEW endcap.%I AS SELECT ids.id, vectors.labels, vectors.embedding, '
    '%L::text AS version FROM endcap.vectors_%s vectors JOIN endcap.ids_%s ids USING (row)',
    endcap.view_name(of_shop, of_kind), of_version, chosen, chosen);
  EXECUTE format(
    'ALTER VIEW endcap.%I OWNER TO endcap_loader', endcap.view_name(of_shop, of_kind));
  EXECUTE format('GRANT SELECT ON endcap.%I TO endcap_reader', endcap.view_name(of_shop, of_kind));
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION endcap.drop_version(of_number bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM endcap.versions WHERE number = of_number;
  EXECUTE format('DROP TABLE endcap.vectors_%s, endcap.ids_%s', of_number, of_number);
END $$;

-- Take ids out of one version; how many it held. Their letters leave the files with
-- VACUUM (FULL) endcap.ids_<number>, the vectors with VACUUM endcap.vectors_<number>.
CREATE OR REPLACE FUNCTION endcap.erase_ids(of_number bigint, gone text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  counted bigint;
BEGIN
  EXECUTE format(
    'WITH named AS (DELETE FROM endcap.ids_%s WHERE id = ANY ($1) RETURNING row) '
    'DELETE FROM endcap.vectors_%s v USING named WHERE v.row = named.row', of_number, of_number)
    USING gone;
  GET DIAGNOSTICS counted = ROW_COUNT;
  UPDATE endcap.versions SET vectors = vectors - counted WHERE number = of_number AND counted > 0;
  RETURN counted;
END $$;

-- Rights: the reader reads; the loader owns everything; nobody else sees anything.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA endcap FROM PUBLIC;
ALTER SCHEMA endcap OWNER TO endcap_loader;
ALTER TABLE endcap.versions OWNER TO endcap_loader;
ALTER FUNCTION endcap.begin_version(text, text, text, integer) OWNER TO endcap_loader;
ALTER FUNCTION endcap.finish_version(bigint, boolean, boolean) OWNER TO endcap_loader;
ALTER FUNCTION endcap.view_name(text, text) OWNER TO endcap_loader;
ALTER FUNCTION endcap.switch_version(text, text, text) OWNER TO endcap_loader;
ALTER FUNCTION endcap.drop_version(bigint) OWNER TO endcap_loader;
ALTER FUNCTION endcap.erase_ids(bigint, text[]) OWNER TO endcap_loader;
GRANT USAGE ON SCHEMA endcap TO endcap_reader;
GRANT SELECT ON endcap.versions TO endcap_reader;

-- For a person, once a version answers (the index is used; <#> is the negative inner product):
--     SET hnsw.ef_search = 200;
--     SELECT id, -(embedding <#> (SELECT embedding FROM endcap.default_items WHERE id = 'item-1'))
--     FROM endcap.default_items ORDER BY embedding <#> (SELECT …) LIMIT 10;

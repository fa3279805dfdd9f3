-- Accounts of a PostgreSQL that holds Endcap's vectors, each with the rights it needs and no more.
--
-- Run it after embeddings.sql, in the same database, as an account that may create roles (the master
-- of RDS is one). The database must be Endcap's own: nobody but these accounts, its owner and
-- superusers can enter it afterwards. Running it again changes nothing but passwords that are given:
--     psql --set ON_ERROR_STOP=1 --single-transaction \
--       --file sql/embeddings.sql --file sql/bootstrap-pgvector.sql "$DATABASE"
-- infra/bootstrap_databases.py does both, chooses the passwords and keeps them as secrets.
--
--   endcap_api     searches, and can change nothing      (endcap serve, functions)
--   endcap_etl     loads, switches, erases               (endcap vectors …, the keeper of a server)
--   endcap_people  searches, logs in by IAM without a password; where the server is of RDS
--
-- Passwords come as SCRAM verifiers in settings of the session, so that neither a statement nor a
-- log nor the server ever has one: SELECT set_config('endcap_api.verifier', 'SCRAM-SHA-256$…', true).
-- An account without one cannot log in by a password (psql: \password endcap_api gives it one).

DO $$
DECLARE
  account text;
  rights text;
  verifier text;
BEGIN
  FOR account, rights IN
    VALUES ('endcap_api', 'endcap_reader'), ('endcap_etl', 'endcap_loader')
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = account) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', account);
    END IF;
    IF NOT pg_has_role(account, rights, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO %I', rights, account);
    END IF;
    verifier := current_setting(account || '.verifier', true);
    IF verifier <> '' THEN
      EXECUTE format('ALTER ROLE %I PASSWORD %L', account, verifier);
    END IF;
  END LOOP;
  -- RDS knows by this role who logs in by IAM; whoever has it cannot log in by a password.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'endcap_people') THEN
      CREATE ROLE endcap_people LOGIN;
      GRANT endcap_reader, rds_iam TO endcap_people;
    END IF;
    ALTER ROLE endcap_people SET default_transaction_read_only = on;
  END IF;
  ALTER ROLE endcap_api SET default_transaction_read_only = on;

  -- Nobody else enters this database.
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format(
    'GRANT CONNECT ON DATABASE %I TO endcap_reader, endcap_loader', current_database());
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END $$;

-- The account by which `endcap import` reads a shop's MySQL or MariaDB: it may read one database, over
-- TLS, and change nothing.
--
-- Run it as an account that may create others (the master of RDS is one), with these set before:
--     SET @endcap_account = 'endcap_reader', @endcap_database = 'shop', @endcap_password = '…';
--     SOURCE sql/bootstrap-mysql.sql
-- Running it again gives the account the password given, and these rights and no others.
-- infra/bootstrap_databases.py does it, chooses the password and keeps it as a secret.

SET @endcap_who = CONCAT(QUOTE(@endcap_account), '@''%''');

SET @endcap_statement = CONCAT(
  'CREATE USER IF NOT EXISTS ', @endcap_who, ' IDENTIFIED BY ', QUOTE(@endcap_password));
PREPARE endcap_statement FROM @endcap_statement;
EXECUTE endcap_statement;

SET @endcap_statement = CONCAT(
  'ALTER USER ', @endcap_who, ' IDENTIFIED BY ', QUOTE(@endcap_password), ' REQUIRE SSL');
PREPARE endcap_statement FROM @endcap_statement;
EXECUTE endcap_statement;

SET @endcap_statement = CONCAT('REVOKE ALL PRIVILEGES, GRANT OPTION FROM ', @endcap_who);
PREPARE endcap_statement FROM @endcap_statement;
EXECUTE endcap_statement;

-- In a grant _ and % stand for other letters unless they are escaped.
SET @endcap_statement = CONCAT(
  'GRANT SELECT ON `',
  REPLACE(REPLACE(REPLACE(@endcap_database, '`', '``'), '_', '\\_'), '%', '\\%'),
  '`.* TO ', @endcap_who);
PREPARE endcap_statement FROM @endcap_statement;
EXECUTE endcap_statement;

DEALLOCATE PREPARE endcap_statement;
SET @endcap_password = NULL, @endcap_statement = NULL;

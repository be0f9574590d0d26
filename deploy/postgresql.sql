-- Roles, grants and row-level security of a market on PostgreSQL 14 or newer.
--
-- Run as a superuser in the market's own database, once before the first `broker migrate` and again
-- after every one; it is safe to repeat:
--
--     psql --single-transaction -v ON_ERROR_STOP=1 -f deploy/postgresql.sql broker
--
-- Three roles, without passwords until you give them some (\password broker_app):
--   broker_owner   owns every table; `broker migrate` and `broker restore` run as it, nothing else
--   broker_app     what serves, ticks, works and backs up; can alter no table and no trigger
--   broker_reader  reads for finance; never a bid of a round that has not closed, no person
--
-- Every table that a later version adds is closed to both until this file ran again.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['broker_owner', 'broker_app', 'broker_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name
        );
    END LOOP;
    ALTER ROLE broker_reader SET default_transaction_read_only = on;
    ALTER ROLE broker_reader SET statement_timeout = '60s';

    -- Nobody else connects or makes anything; the owner owns whatever there is.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO broker_owner, broker_app, broker_reader',
        current_database()
    );
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO broker_owner;
    GRANT USAGE ON SCHEMA public TO broker_app, broker_reader;
    FOR name IN
        SELECT format('%s public.%I', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname)
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
    LOOP
        EXECUTE format('ALTER %s OWNER TO broker_owner', name);
    END LOOP;
    FOR name IN
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO broker_owner', name);
    END LOOP;
END
$$;

-- The application: every row it works with, and none that is never changed again.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, broker_app, broker_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO broker_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO broker_app;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'audit_event', 'audit_leaf', 'audit_checkpoint', 'journal', 'transfer', 'person_identity'
    ] LOOP
        IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
            EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM broker_app', name);
        END IF;
    END LOOP;
    IF to_regclass('public.person_identity') IS NOT NULL THEN
        GRANT DELETE ON person_identity TO broker_app;  -- a person can be erased
    END IF;
    IF to_regclass('public.alembic_version') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM broker_app;
    END IF;

    -- The reader: books, results and figures; what says who somebody is stays closed.
    FOREACH name IN ARRAY ARRAY[
        'account', 'audit_checkpoint', 'audit_event', 'audit_leaf', 'award', 'capacity',
        'correction', 'decline', 'delivery', 'exchange_rate', 'journal', 'list_price', 'period',
        'period_balance', 'period_close', 'period_pack', 'pool', 'pool_figure', 'round',
        'round_figure', 'run', 'team', 'team_figure', 'transfer',
        'team_bid', 'bid_version', 'bid', 'alternative', 'item', 'bid_pledge', 'bid_purpose'
    ] LOOP
        IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %I TO broker_reader', name);
        END IF;
    END LOOP;
END
$$;

-- Sealed bids: a second wall below the application's own. The application places, freezes and opens
-- them; whoever reads beside it sees a bid once its round has closed.
DO $$
DECLARE
    sealed CONSTANT jsonb := jsonb_build_object(
        'team_bid', $q$EXISTS (SELECT FROM round r WHERE r.id = round_id
                       AND r.state IN ('closed', 'published', 'finished'))$q$,
        'bid', $q$EXISTS (SELECT FROM round r WHERE r.id = round_id
                  AND r.state IN ('closed', 'published', 'finished'))$q$,
        'bid_version', $q$state = 'submitted' AND EXISTS (SELECT FROM team_bid b WHERE b.id = bid_id)$q$,
        'alternative', 'EXISTS (SELECT FROM bid b WHERE b.id = bid_id)',
        'item', 'EXISTS (SELECT FROM bid b WHERE b.id = bid_id)',
        'bid_pledge', 'EXISTS (SELECT FROM bid b WHERE b.id = bid_id)',
        'bid_purpose', 'EXISTS (SELECT FROM bid b WHERE b.id = bid_id)'
    );
    name text;
    condition text;
BEGIN
    FOR name, condition IN SELECT * FROM jsonb_each_text(sealed) LOOP
        IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
            EXECUTE format('DROP POLICY IF EXISTS the_market ON %I', name);
            EXECUTE format('DROP POLICY IF EXISTS opened ON %I', name);
            EXECUTE format(
                'CREATE POLICY the_market ON %I TO broker_app USING (true) WITH CHECK (true)', name
            );
            EXECUTE format(
                'CREATE POLICY opened ON %I FOR SELECT TO broker_reader USING (%s)', name, condition
            );
        END IF;
    END LOOP;
END
$$;

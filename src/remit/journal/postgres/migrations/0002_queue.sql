-- Have a session driven: a job in the queue, of the same transaction. Where there is no queue nobody waits for one.
-- A tenant with many jobs in the queue comes after those with few: each further one has less priority.
-- `told` is what nobody can read in the session: forced, tries, broke.
CREATE FUNCTION remit.defer_1(
    session text, agent text, version text, tenant text, told jsonb, delay float8
) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = remit_queue, pg_catalog SET enable_seqscan = off AS $$
DECLARE
    ahead int;
BEGIN
    IF agent = '' OR to_regclass('remit_queue.procrastinate_jobs') IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) INTO ahead
    -- Nothing is asked of their status: with statistics of an empty queue another index would seem as good, of all jobs.
    -- An argument has the collation of what the caller gave, such as a session's, and an index only its own.
    FROM (SELECT FROM procrastinate_jobs
          WHERE args ->> 'tenant' = defer_1.tenant COLLATE "default" LIMIT 255) AS others;
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
        remit.queue_1(agent, version), 'remit.drive',
        -- What is tried again later must not stand before what is new in the same session.
        CASE WHEN delay > 0 THEN -1000000 ELSE 1000 * remit.rank_1(agent, tenant) - ahead END,
        session, NULL,
        jsonb_build_object('session', session, 'tenant', tenant,
                           'at', extract(epoch FROM clock_timestamp())) || told,
        CASE WHEN delay > 0 THEN clock_timestamp() + make_interval(secs => delay) END
    )]::procrastinate_job_to_defer_v1[]);
END
$$;

-- The queue of those who have this version of an agent. Its name is part of a channel's, which has 63 bytes at most.
CREATE FUNCTION remit.queue_1(agent text, version text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE
        WHEN octet_length(agent) + octet_length(version) < 40 AND strpos(agent, '@') = 0 THEN agent || '@' || version
        ELSE left(encode(sha256(convert_to(length(agent) || '@' || agent || '@' || version, 'UTF8')), 'hex'), 40)
    END;
END
$$;

-- What an operator says of agents, tenants and the whole fleet: who goes first, and what stands still.
CREATE TABLE remit.terms (
    kind   text NOT NULL CHECK (kind IN ('agent', 'tenant', 'fleet')),
    name   text NOT NULL,
    rank   int NOT NULL DEFAULT 0 CHECK (rank BETWEEN -100 AND 100),
    paused boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, name)
);

CREATE FUNCTION remit.rank_1(agent text, tenant text) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(rank), 0)::int FROM remit.terms
        WHERE (kind = 'agent' AND name = agent) OR (kind = 'tenant' AND name = tenant)
    );
END
$$;

-- How many runs a tenant may have that has parked some, as whoever parked one last was told.
CREATE TABLE remit.caps (
    tenant  text PRIMARY KEY,
    account text NOT NULL,
    cap     bigint NOT NULL
) WITH (fillfactor = 50);

-- A tenant has no room for another run: wait until one of its runs ends. False when there is room again.
CREATE FUNCTION remit.park_1(session text, account text, most bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    stands bigint;
BEGIN
    -- Whoever ends a run holds this lock too, and looks for the parked after it.
    SELECT used INTO stands FROM remit.accounts WHERE name = account FOR UPDATE;
    IF coalesce(stands, 0) < most THEN
        RETURN false;
    END IF;
    INSERT INTO remit.caps SELECT tenant, account, most FROM remit.sessions WHERE id = session
    ON CONFLICT (tenant) DO UPDATE SET account = excluded.account, cap = excluded.cap
    WHERE caps.account <> excluded.account OR caps.cap <> excluded.cap;
    UPDATE remit.sessions SET parked = coalesce(parked, clock_timestamp()) WHERE id = session;
    RETURN true;
END
$$;

-- Have the parked session of a tenant driven that has waited longest; false when there is none.
CREATE FUNCTION remit.unpark_1(whose text) RETURNS boolean LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
DECLARE
    one record;
BEGIN
    UPDATE remit.sessions SET parked = NULL
    WHERE number = (SELECT number FROM remit.sessions
                    WHERE tenant = whose AND parked < 'infinity'
                    ORDER BY parked LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, agent, version, tenant INTO one;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, '{}', 0);
    RETURN true;
END
$$;

-- Give a job that is under way to somebody else.
CREATE FUNCTION remit.again_1(job bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = remit_queue, pg_catalog AS $$
DECLARE
    queue text;
BEGIN
    SELECT queue_name INTO queue FROM procrastinate_jobs WHERE id = job AND status = 'doing' FOR UPDATE;
    IF FOUND THEN
        PERFORM procrastinate_retry_job_v2(job, NULL, NULL, NULL, NULL);
        -- Only new jobs are told of by themselves.
        PERFORM pg_notify('procrastinate_queue_v1#' || queue, '{"type": "job_inserted", "job_id": 0}');
    END IF;
END
$$;

-- Give tenants that have parked sessions and room for runs, and how much. One look for each tenant, not each session.
CREATE FUNCTION remit.roomy_1() RETURNS TABLE (tenant text, room bigint) LANGUAGE sql STABLE
SET enable_seqscan = off AS $$
    WITH RECURSIVE waiting AS (
        (SELECT sessions.tenant FROM remit.sessions WHERE parked < 'infinity' ORDER BY sessions.tenant LIMIT 1)
        UNION ALL
        SELECT (SELECT sessions.tenant FROM remit.sessions
                WHERE parked < 'infinity' AND sessions.tenant > waiting.tenant ORDER BY sessions.tenant LIMIT 1)
        FROM waiting WHERE waiting.tenant IS NOT NULL)
    SELECT waiting.tenant, cap - coalesce(used, 0)
    FROM waiting JOIN remit.caps ON caps.tenant = waiting.tenant LEFT JOIN remit.accounts ON name = account
    WHERE coalesce(used, 0) < cap
$$;

-- What any worker does now and then for all: end the leases of the dead, give their jobs to others, wake who is to be
-- looked at, and have driven what nobody drives though it could go on. Gives how many, or -1 when another is at it.
-- Each does so many at a time that it ends before a statement may; whoever gets `most` calls again.
CREATE FUNCTION remit.tend_1(worker text, life float8, most int) RETURNS int LANGUAGE plpgsql VOLATILE
SET search_path = remit_queue, pg_catalog SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    one record;
    -- An index finds what is before a time that does not change meanwhile.
    moment timestamptz := clock_timestamp();
    done int := 0;
BEGIN
    IF to_regclass('remit_queue.procrastinate_jobs') IS NULL THEN
        RETURN 0;
    END IF;
    IF NOT pg_try_advisory_xact_lock(1380275540, 1) THEN
        RETURN -1;
    END IF;
    PERFORM remit.bury_1(worker, life);
    -- A server that came up just now has heard of nobody yet.
    IF pg_postmaster_start_time() < moment - make_interval(secs => life) THEN
        FOR one IN
            SELECT jobs.id
            FROM procrastinate_jobs AS jobs LEFT JOIN procrastinate_workers AS workers ON workers.id = jobs.worker_id
            WHERE jobs.status = 'doing' AND jobs.task_name = 'remit.drive'
              AND (workers.id IS NULL OR workers.last_heartbeat < moment - make_interval(secs => life))
            LIMIT most FOR UPDATE OF jobs SKIP LOCKED
        LOOP
            PERFORM remit.again_1(one.id);
            done := done + 1;
        END LOOP;
    END IF;
    -- Appends lock in another order: what one of them has is left to the next time.
    FOR one IN
        UPDATE remit.sessions SET wake = NULL
        WHERE number = ANY (ARRAY(SELECT number FROM remit.sessions WHERE wake <= moment
                                  ORDER BY wake LIMIT most FOR UPDATE SKIP LOCKED))
        RETURNING id, agent, version, tenant
    LOOP
        PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, '{}', 0);
        done := done + 1;
    END LOOP;
    FOR one IN SELECT tenant, room FROM remit.roomy_1() LOOP
        FOR i IN 1 .. least(one.room, 100) LOOP
            EXIT WHEN NOT remit.unpark_1(one.tenant);
            done := done + 1;
        END LOOP;
    END LOOP;
    FOR one IN
        SELECT id, agent, version, tenant
        FROM (SELECT * FROM remit.sessions WHERE status = 'running' AND owner = '' AND parked IS NULL
              UNION ALL
              SELECT * FROM remit.sessions
              WHERE stirred AND owner = '' AND parked IS NULL AND status <> 'running') AS left_over
        -- OFFSET keeps it a look-up for each: as a join it would, planned for a queue that is empty, read all for each.
        WHERE NOT EXISTS (SELECT FROM procrastinate_jobs
                          WHERE lock = left_over.id COLLATE "default" AND status IN ('todo', 'doing') OFFSET 0)
        LIMIT most
    LOOP
        PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, '{}', 0);
        done := done + 1;
    END LOOP;
    RETURN done;
END
$$;

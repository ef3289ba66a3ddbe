-- Have a session driven: a job in the queue, of the same transaction. Where there is no queue nobody waits for one.
-- A tenant with many jobs waiting comes after those with few: each further one has less priority.
CREATE FUNCTION remit.defer_1(
    session text, agent text, version text, tenant text, forced boolean, tries int, delay float8
) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = remit_queue, pg_catalog AS $$
DECLARE
    ahead int;
BEGIN
    IF agent = '' OR to_regclass('remit_queue.procrastinate_jobs') IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) INTO ahead
    FROM (SELECT FROM procrastinate_jobs
          WHERE status = 'todo' AND args ->> 'tenant' = defer_1.tenant LIMIT 255) AS waiting;
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
        remit.queue_1(agent, version), 'remit.drive',
        -- What is tried again later must not stand before what is new in the same session.
        CASE WHEN delay > 0 THEN -1000000 ELSE 1000 * remit.rank_1(agent, tenant) - ahead END,
        session, NULL,
        jsonb_build_object('session', session, 'tenant', tenant, 'forced', forced, 'tries', tries),
        CASE WHEN delay > 0 THEN clock_timestamp() + make_interval(secs => delay) END
    )]::procrastinate_job_to_defer_v1[]);
END
$$;

-- The queue of those who have this version of an agent.
CREATE FUNCTION remit.queue_1(agent text, version text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(agent) + length(version) < 120 THEN agent || '@' || version
                ELSE encode(sha256(convert_to(agent || '@' || version, 'UTF8')), 'hex') END
$$;

-- What an operator says of agents, tenants and the whole fleet: who goes first, and what stands still.
CREATE TABLE remit.terms (
    kind   text NOT NULL CHECK (kind IN ('agent', 'tenant', 'fleet')),
    name   text NOT NULL,
    rank   int NOT NULL DEFAULT 0 CHECK (rank BETWEEN -100 AND 100),
    paused boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, name)
);

CREATE FUNCTION remit.rank_1(agent text, tenant text) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(rank), 0)::int FROM remit.terms
    WHERE (kind = 'agent' AND name = agent) OR (kind = 'tenant' AND name = tenant)
$$;

-- A tenant has no room for another run: wait until one of its runs ends. False when there is room again.
CREATE FUNCTION remit.park_1(session text, account text, cap bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    stands bigint;
BEGIN
    -- Whoever ends a run holds this lock too, and looks for the parked after it.
    SELECT used INTO stands FROM remit.accounts WHERE name = account FOR UPDATE;
    IF coalesce(stands, 0) < cap THEN
        RETURN false;
    END IF;
    UPDATE remit.sessions SET parked = coalesce(parked, clock_timestamp()) WHERE id = session;
    RETURN true;
END
$$;

-- Have the parked session of a tenant driven that has waited longest.
CREATE FUNCTION remit.unpark_1(whose text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    one record;
BEGIN
    UPDATE remit.sessions SET parked = NULL
    WHERE number = (SELECT number FROM remit.sessions
                    WHERE tenant = whose AND parked < 'infinity'
                    ORDER BY parked LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, agent, version, tenant INTO one;
    IF FOUND THEN
        PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, false, 0, 0);
    END IF;
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

-- What any worker does now and then for all: end the leases of the dead, give their jobs to others, wake who is to be
-- looked at, and have driven what nobody drives though it could go on. Gives how many, or -1 when another is at it.
CREATE FUNCTION remit.tend_1(worker text, life float8) RETURNS int LANGUAGE plpgsql VOLATILE
SET search_path = remit_queue, pg_catalog AS $$
DECLARE
    one record;
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
    IF pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => life) THEN
        FOR one IN
            SELECT jobs.id
            FROM procrastinate_jobs AS jobs LEFT JOIN procrastinate_workers AS workers ON workers.id = jobs.worker_id
            WHERE jobs.status = 'doing' AND jobs.task_name = 'remit.drive'
              AND (workers.id IS NULL OR workers.last_heartbeat < clock_timestamp() - make_interval(secs => life))
            FOR UPDATE OF jobs SKIP LOCKED
        LOOP
            PERFORM remit.again_1(one.id);
            done := done + 1;
        END LOOP;
    END IF;
    FOR one IN
        UPDATE remit.sessions SET wake = NULL, parked = CASE WHEN parked = 'infinity' THEN parked END
        WHERE number IN (SELECT number FROM remit.sessions WHERE wake <= clock_timestamp()
                         UNION ALL
                         SELECT number FROM remit.sessions WHERE parked < clock_timestamp() - interval '30 seconds')
        RETURNING id, agent, version, tenant
    LOOP
        PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, false, 0, 0);
        done := done + 1;
    END LOOP;
    FOR one IN
        SELECT id, agent, version, tenant FROM remit.sessions
        WHERE number IN (SELECT number FROM remit.sessions WHERE status = 'running' AND owner = ''
                         UNION
                         SELECT number FROM remit.sessions WHERE stirred AND owner = '')
          AND parked IS NULL
          AND NOT EXISTS (SELECT FROM procrastinate_jobs WHERE lock = sessions.id AND status IN ('todo', 'doing'))
        LIMIT 1000
    LOOP
        PERFORM remit.defer_1(one.id, one.agent, one.version, one.tenant, false, 0, 0);
        done := done + 1;
    END LOOP;
    RETURN done;
END
$$;

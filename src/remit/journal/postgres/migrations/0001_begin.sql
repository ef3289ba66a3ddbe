-- Sessions: a line of the list, where the journal stands (head), and who may write to it (epoch, owner). For the queue:
-- whether somebody wrote to it whom no worker has heard yet (stirred), when it is to be looked at (wake), and since when
-- it waits for room among the runs of its tenant (parked; infinity while its agent or tenant is held back).
CREATE TABLE remit.sessions (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      text COLLATE "C" NOT NULL UNIQUE,
    agent   text NOT NULL,
    version text NOT NULL,
    tenant  text NOT NULL,
    parent  text NOT NULL,
    status  text NOT NULL,
    why     text NOT NULL,
    opened  bigint NOT NULL,
    changed bigint NOT NULL,
    head    bigint NOT NULL,
    epoch   bigint NOT NULL,
    owner   text NOT NULL,
    stirred boolean NOT NULL DEFAULT false,
    wake    timestamptz,
    parked  timestamptz
) WITH (fillfactor = 75);
CREATE INDEX sessions_stirred ON remit.sessions (number) WHERE stirred;
CREATE INDEX sessions_by_wake ON remit.sessions (wake) WHERE wake IS NOT NULL;
CREATE INDEX sessions_parked ON remit.sessions (tenant, parked) WHERE parked IS NOT NULL;
CREATE INDEX sessions_by_age ON remit.sessions (opened, number);
CREATE INDEX sessions_by_status ON remit.sessions (status, opened, number);
CREATE INDEX sessions_by_tenant ON remit.sessions (tenant, opened, number);

-- An append is a row: the number of its last event, its time, who wrote it, and the events behind a CRC-32.
CREATE TABLE remit.batches (
    session bigint NOT NULL,
    seq     bigint NOT NULL,
    at      bigint NOT NULL,
    mark    bigint NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (session, seq)
);

CREATE TABLE remit.accounts (name text COLLATE "C" PRIMARY KEY, used bigint NOT NULL) WITH (fillfactor = 50);

CREATE TABLE remit.blobs (digest text COLLATE "C" PRIMARY KEY, body bytea NOT NULL);

-- Workers: alive until `expires`, by the clock of this server.
CREATE TABLE remit.workers (
    name    text COLLATE "C" PRIMARY KEY,
    began   timestamptz NOT NULL,
    expires timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Whether a worker may still act; true for all while this server has not been up for long enough to have heard of them.
CREATE FUNCTION remit.lives_1(worker text, life float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (
        SELECT FROM remit.workers
        WHERE name = worker
          AND (expires > clock_timestamp()
               OR pg_postmaster_start_time() > clock_timestamp() - make_interval(secs => life)))
$$;

-- Many appends in one transaction. An append that is refused changes nothing and its neighbours go on.
-- They are done in the order given: who came first takes first. `names` are the accounts, sorted by their bytes; accounts
-- and then sessions are locked in that order by everybody, so that nobody stops anybody for good.
-- `known` are the entries' places in `names`; those of append i are from starts[i] + 1 to starts[i + 1].
-- verdict: 0 done, 1 somebody else writes, 2 no room in names[place].
CREATE FUNCTION remit.append_1(
    ids text[], afters bigint[], counts bigint[], marks bigint[], epochs bigint[], bodies bytea[],
    owners text[], statuses text[], whys text[], agents text[], versions text[], tenants text[], parents text[],
    stirs boolean[], starts int[], known int[], amounts bigint[], caps bigint[], names text[], fresh text[], life float8
) RETURNS TABLE (verdict int, tail bigint, term bigint, place int, stood bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    uses bigint[] := '{}';
    before bigint[];
    held record;
    moment bigint;
    due bigint;
    spent boolean := false;
    ended text[] := '{}';
BEGIN
    IF cardinality(fresh) > 0 THEN
        INSERT INTO remit.accounts SELECT unnest, 0 FROM unnest(fresh) ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(names) > 0 THEN
        SELECT array_agg(used) INTO uses
        FROM (SELECT used FROM remit.accounts WHERE name = ANY (names) ORDER BY name FOR UPDATE) AS locked;
        IF cardinality(uses) IS DISTINCT FROM cardinality(names) THEN
            RAISE EXCEPTION 'an account was taken away' USING ERRCODE = '40001';
        END IF;
    END IF;
    IF cardinality(ids) > 1 THEN
        PERFORM FROM remit.sessions WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        verdict := 0; place := 0; stood := 0; before := NULL;
        due := afters[i] + counts[i];
        SELECT number, head, epoch, owner, agent, version, tenant INTO held FROM remit.sessions WHERE id = ids[i] FOR UPDATE;
        IF coalesce(held.head, 0) <> afters[i]
           OR (epochs[i] IS NOT NULL AND coalesce(held.epoch, 0) <> epochs[i])
           -- Whoever lives is only looked up for those who take it up.
           OR (coalesce(owners[i], '') <> '' AND held.owner NOT IN ('', owners[i]) AND remit.lives_1(held.owner, life))
        THEN
            tail := coalesce(held.head, 0); term := coalesce(held.epoch, 0);
            -- It may be here already: then its answer was lost, and this is the same append again.
            IF counts[i] > 0 AND tail >= due
               AND EXISTS (SELECT FROM remit.batches WHERE session = held.number AND seq = due AND mark = marks[i])
            THEN
                tail := due;
            ELSE
                verdict := 1;
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;
        term := coalesce(held.epoch, 0); tail := due;
        IF counts[i] = 0 THEN
            RETURN NEXT;
            CONTINUE;
        END IF;

        IF starts[i + 1] > starts[i] THEN
            before := uses;
            FOR j IN starts[i] + 1 .. starts[i + 1] LOOP
                IF caps[j] IS NOT NULL AND uses[known[j]] + amounts[j] > caps[j] THEN
                    verdict := 2; place := j; stood := uses[known[j]];
                    EXIT;
                END IF;
                uses[known[j]] := uses[known[j]] + amounts[j];
            END LOOP;
            IF verdict = 2 THEN
                uses := before;
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;

        IF owners[i] <> '' THEN
            term := term + 1;
        END IF;
        -- Read under the lock: of two who write to a session, the later has the later time.
        moment := floor(extract(epoch FROM clock_timestamp()) * 1000);
        IF held.number IS NULL THEN
            INSERT INTO remit.sessions
                (id, agent, version, tenant, parent, status, why, opened, changed, head, epoch, owner, stirred)
            VALUES (ids[i], agents[i], versions[i], tenants[i], parents[i], statuses[i], whys[i], moment, moment, due,
                    term, coalesce(owners[i], ''), stirs[i])
            ON CONFLICT DO NOTHING RETURNING number INTO held.number;
            IF held.number IS NULL THEN
                uses := coalesce(before, uses);
                SELECT head, epoch, number INTO tail, term, held.number FROM remit.sessions WHERE id = ids[i];
                IF EXISTS (SELECT FROM remit.batches WHERE session = held.number AND seq = due AND mark = marks[i]) THEN
                    tail := due;
                ELSE
                    verdict := 1;
                END IF;
                RETURN NEXT;
                CONTINUE;
            END IF;
            held.agent := agents[i]; held.version := versions[i]; held.tenant := tenants[i];
        ELSIF statuses[i] IS NOT NULL THEN
            UPDATE remit.sessions
            SET head = due, status = statuses[i], why = whys[i], changed = moment, epoch = term,
                owner = coalesce(owners[i], owner),
                -- Whoever drives it has heard all that came before what it writes.
                stirred = stirs[i] OR (stirred AND owners[i] IS NULL),
                -- Whoever is driven waits for no room, nor for an operator.
                parked = CASE WHEN owners[i] <> '' THEN NULL ELSE parked END
            WHERE number = held.number;
        ELSIF stirs[i] THEN
            UPDATE remit.sessions SET head = due, stirred = true WHERE number = held.number;
        ELSE
            UPDATE remit.sessions SET head = due WHERE number = held.number;
        END IF;
        INSERT INTO remit.batches VALUES (held.number, due, moment, marks[i], bodies[i]);
        spent := spent OR before IS NOT NULL;
        IF stirs[i] THEN
            PERFORM remit.defer_1(ids[i], held.agent, held.version, held.tenant, '{}', 0);
        END IF;
        IF owners[i] = '' THEN
            ended := array_append(ended, held.tenant);
        END IF;
        RETURN NEXT;
    END LOOP;
    IF spent THEN
        UPDATE remit.accounts SET used = now.used
        FROM unnest(names, uses) AS now (name, used)
        WHERE accounts.name = now.name AND accounts.used <> now.used;
    END IF;
    FOR i IN 1 .. cardinality(ended) LOOP
        PERFORM remit.unpark_1(ended[i]);
    END LOOP;
END
$$;

-- Appends that only add events to sessions of their own, which most do: all or, with false, none of them.
-- `ids` are sorted by their bytes, each once. `names` are as in append_1, and for each of them: how far it may rise
-- meanwhile, what is left of that in the end, and the least cap that any of the appends has.
CREATE FUNCTION remit.plain_1(
    ids text[], afters bigint[], dues bigint[], marks bigint[], epochs bigint[], bodies bytea[],
    names text[], rises bigint[], sums bigint[], caps bigint[]
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    uses bigint[];
    numbers bigint[];
    heads bigint[];
    terms bigint[];
    moment bigint;
BEGIN
    IF cardinality(names) > 0 THEN
        SELECT array_agg(used) INTO uses
        FROM (SELECT used FROM remit.accounts WHERE name = ANY (names) ORDER BY name FOR UPDATE) AS locked;
        IF cardinality(uses) IS DISTINCT FROM cardinality(names)
           OR EXISTS (SELECT FROM unnest(uses, rises, caps) AS one (used, rise, cap) WHERE used + rise > cap)
        THEN
            RETURN false;
        END IF;
    END IF;
    SELECT array_agg(number), array_agg(head), array_agg(epoch) INTO numbers, heads, terms
    FROM (SELECT number, head, epoch FROM remit.sessions WHERE id = ANY (ids) ORDER BY id FOR UPDATE) AS locked;
    IF heads IS DISTINCT FROM afters
       OR (terms <> epochs AND EXISTS (SELECT FROM unnest(terms, epochs) AS one (stands, due) WHERE stands <> due))
    THEN
        RETURN false;
    END IF;
    -- Read under the locks, as in append_1.
    moment := floor(extract(epoch FROM clock_timestamp()) * 1000);
    UPDATE remit.sessions SET head = due FROM unnest(numbers, dues) AS now (place, due) WHERE number = place;
    INSERT INTO remit.batches (session, seq, at, mark, body)
    SELECT place, due, moment, mark, body FROM unnest(numbers, dues, marks, bodies) AS now (place, due, mark, body);
    IF cardinality(names) > 0 THEN
        UPDATE remit.accounts SET used = used + more
        FROM unnest(names, sums) AS now (whose, more) WHERE name = whose AND more <> 0;
    END IF;
    RETURN true;
END
$$;

-- Appends of both kinds in one transaction: as plain_1, then as append_1; no rows when the plain ones are refused, and
-- then nothing is written. `everybody` and `everything` are all their sessions and accounts, sorted by their bytes.
CREATE FUNCTION remit.mixed_1(
    everybody text[], everything text[],
    plain_ids text[], plain_afters bigint[], plain_dues bigint[], plain_marks bigint[], plain_epochs bigint[],
    plain_bodies bytea[], plain_names text[], rises bigint[], sums bigint[], limits bigint[],
    ids text[], afters bigint[], counts bigint[], marks bigint[], epochs bigint[], bodies bytea[],
    owners text[], statuses text[], whys text[], agents text[], versions text[], tenants text[], parents text[],
    stirs boolean[], starts int[], known int[], amounts bigint[], caps bigint[], names text[], fresh text[], life float8
) RETURNS TABLE (verdict int, tail bigint, term bigint, place int, stood bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF cardinality(fresh) > 0 THEN
        INSERT INTO remit.accounts SELECT unnest, 0 FROM unnest(fresh) ON CONFLICT DO NOTHING;
    END IF;
    PERFORM FROM remit.accounts WHERE name = ANY (everything) ORDER BY name FOR UPDATE;
    PERFORM FROM remit.sessions WHERE id = ANY (everybody) ORDER BY id FOR UPDATE;
    IF remit.plain_1(plain_ids, plain_afters, plain_dues, plain_marks, plain_epochs, plain_bodies,
                     plain_names, rises, sums, limits)
    THEN
        RETURN QUERY SELECT * FROM remit.append_1(
            ids, afters, counts, marks, epochs, bodies, owners, statuses, whys, agents, versions, tenants, parents,
            stirs, starts, known, amounts, caps, names, '{}', life);
    END IF;
END
$$;

-- Take the dead out of the list, and end their leases: what they still write is refused.
CREATE FUNCTION remit.bury_1(worker text, life float8) RETURNS void LANGUAGE sql VOLATILE AS $$
    DELETE FROM remit.workers
    WHERE expires < clock_timestamp() AND name <> worker
      AND pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => life);
    UPDATE remit.sessions SET owner = '', epoch = sessions.epoch + 1
    FROM (SELECT number, owner FROM remit.sessions AS under_way
          WHERE status = 'running' AND owner <> ''
            AND NOT EXISTS (SELECT FROM remit.workers WHERE name = under_way.owner)
          -- Appends lock in another order: what one of them has is left to the next time.
          FOR UPDATE SKIP LOCKED) AS lost
    WHERE sessions.number = lost.number AND sessions.owner = lost.owner;
$$;

-- The right to drive a session: given to whoever asks when nobody alive has it. Gives the epoch, or nothing.
CREATE FUNCTION remit.take_1(session text, worker text, life float8) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    held record;
BEGIN
    SELECT number, epoch, owner INTO held FROM remit.sessions WHERE id = session FOR UPDATE;
    IF NOT FOUND OR (held.owner NOT IN ('', worker) AND remit.lives_1(held.owner, life)) THEN
        RETURN NULL;
    END IF;
    UPDATE remit.sessions SET owner = worker, epoch = held.epoch + 1 WHERE number = held.number;
    RETURN held.epoch + 1;
END
$$;

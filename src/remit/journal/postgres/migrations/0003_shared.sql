-- The time by which all that is shared is judged; a function, so that a test can put a model in its place.
CREATE FUNCTION remit.now_1() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

-- Circuits: where each stands for all workers. `era` grows with every change, and whoever changes it names the one it
-- saw; `until` ends a cool-down, or the lease of the probe whose token is `probe`.
CREATE TABLE remit.circuits (
    name     text COLLATE "C" PRIMARY KEY,
    state    text NOT NULL,
    era      bigint NOT NULL,
    failures int NOT NULL,
    trips    int NOT NULL,
    probe    text NOT NULL,
    until    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Change a circuit as seen in an era, and say where it stands then. A wish of another era changes nothing, so that it
-- may be made twice; `won` says whether the probe is that of this token.
CREATE FUNCTION remit.circuit_1(
    which text, seen bigint, wish text, token text, failed int, cooldown float8, longest float8, lease float8
) RETURNS TABLE (state text, era bigint, failures int, wait float8, won boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c remit.circuits;
    moment timestamptz;
    changed boolean := true;
BEGIN
    INSERT INTO remit.circuits VALUES (which, 'closed', 0, 0, 0, '', 'epoch') ON CONFLICT DO NOTHING;
    SELECT * INTO c FROM remit.circuits WHERE name = which FOR UPDATE;
    moment := remit.now_1();
    IF c.era <> seen THEN
        changed := false;
    ELSIF wish = 'trip' AND c.state = 'closed' THEN
        c.state := 'open'; c.failures := failed; c.trips := 1;
        c.until := moment + make_interval(secs => least(longest, cooldown));
    ELSIF wish = 'claim' AND c.state <> 'closed' AND c.until <= moment THEN
        c.state := 'half_open'; c.probe := token; c.until := moment + make_interval(secs => lease);
    ELSIF wish = 'close' AND c.state = 'half_open' THEN
        c.state := 'closed'; c.failures := 0; c.trips := 0; c.until := 'epoch';
    ELSIF wish = 'fail' AND c.state = 'half_open' THEN
        c.state := 'open'; c.failures := c.failures + 1;
        c.until := moment + make_interval(secs => least(longest, cooldown * 2.0 ^ least(c.trips, 64)));
        c.trips := c.trips + 1;
    ELSIF wish = 'forgo' AND c.state = 'half_open' THEN
        c.state := 'open'; c.until := moment;
    ELSE
        changed := false;
    END IF;
    IF changed THEN
        c.era := c.era + 1;
        UPDATE remit.circuits AS old
        SET state = c.state, era = c.era, failures = c.failures, trips = c.trips, probe = c.probe, until = c.until
        WHERE old.name = which;
    END IF;
    RETURN QUERY SELECT c.state, c.era, c.failures,
        CASE WHEN c.state = 'closed' THEN 0.0 ELSE greatest(0.0, extract(epoch FROM c.until - moment)::float8) END,
        wish = 'claim' AND c.state = 'half_open' AND c.probe = token;
END
$$;

-- Bounds: what a fleet may use together, in as many dimensions as arrays are long. What nobody has yet (`level`) comes
-- in at a steady rate, and with all that was granted and not reported as used it never is more than the size. A rate
-- that is infinite means room: what is given back is there again, and nothing else comes in.
CREATE TABLE remit.bounds (
    name   text COLLATE "C" PRIMARY KEY,
    level  float8[] NOT NULL,
    at     timestamptz NOT NULL,
    paused timestamptz NOT NULL,
    turn   bigint NOT NULL
) WITH (fillfactor = 50);

-- Grants: what each worker has of a bound and may use until it expires, and its place among those who wait: it is passed
-- over once it has not asked again by `due`.
CREATE TABLE remit.grants (
    name    text COLLATE "C" NOT NULL,
    worker  text COLLATE "C" NOT NULL,
    amounts float8[] NOT NULL,
    need    float8[] NOT NULL,
    given   float8[] NOT NULL,
    number  bigint NOT NULL,
    place   bigint,
    due     timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (name, worker)
) WITH (fillfactor = 50);

CREATE FUNCTION remit.filled_1(level float8[], total float8[], rates float8[], sizes float8[], seconds float8)
RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(CASE WHEN r = 'Infinity' THEN s - t ELSE least(s - t, l + r * greatest(seconds, 0)) END ORDER BY i)
    FROM unnest(level, total, rates, sizes) WITH ORDINALITY AS each (l, t, r, s, i)
$$;

-- An exchange between a worker and a bound: it says what it still holds and what it gives back (less what it used beyond,
-- which is why `credit` may be below nothing), and asks for what it needs, or a little more. Whoever came first is first.
-- The same number again gives the same answer and changes nothing.
CREATE FUNCTION remit.share_1(
    which text, rates float8[], sizes float8[], who text, ask bigint, holds float8[], credit float8[],
    needed float8[], wanted float8[], pause float8, life float8
) RETURNS TABLE (given float8[], wait float8, others int, stopped float8)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    b remit.bounds;
    mine remit.grants;
    lost record;
    moment timestamptz;
    total float8[];
    ahead float8[];
    active int;
    waits boolean := false;
    fits boolean := true;
BEGIN
    INSERT INTO remit.bounds VALUES (which, sizes, remit.now_1(), 'epoch', 0) ON CONFLICT DO NOTHING;
    SELECT * INTO b FROM remit.bounds WHERE name = which FOR UPDATE;
    moment := greatest(remit.now_1(), b.at);
    SELECT * INTO mine FROM remit.grants WHERE name = which AND worker = who;
    IF mine.number = ask THEN
        RETURN QUERY SELECT mine.given, 0.0::float8, 0, greatest(0.0, extract(epoch FROM b.paused - moment)::float8);
        RETURN;
    END IF;
    SELECT array_agg(coalesce((SELECT sum(amounts[i]) FROM remit.grants WHERE name = which), 0) ORDER BY i)
    INTO total FROM generate_subscripts(sizes, 1) AS i;

    -- Those that expired, in the order in which they did: until then nothing came in where they stood. A server that was
    -- away gives everybody the time to be heard again.
    FOR lost IN
        SELECT worker, amounts, expires FROM remit.grants
        WHERE name = which AND expires <= moment AND pg_postmaster_start_time() + make_interval(secs => life) <= moment
        ORDER BY expires
    LOOP
        b.level := remit.filled_1(b.level, total, rates, sizes, extract(epoch FROM lost.expires - b.at)::float8);
        b.at := greatest(b.at, lost.expires);
        FOR i IN 1 .. cardinality(sizes) LOOP
            total[i] := total[i] - lost.amounts[i];
        END LOOP;
        DELETE FROM remit.grants WHERE name = which AND worker = lost.worker;
        IF lost.worker = who THEN
            mine := NULL;
        END IF;
    END LOOP;
    b.level := remit.filled_1(b.level, total, rates, sizes, extract(epoch FROM moment - b.at)::float8);

    IF mine.name IS NULL THEN
        mine := (which, who, array_fill(0.0::float8, ARRAY[cardinality(sizes)]), needed, needed, 0, NULL, moment, moment);
        INSERT INTO remit.grants SELECT mine.*;
    END IF;
    FOR i IN 1 .. cardinality(sizes) LOOP
        total[i] := total[i] - mine.amounts[i];
        -- Who is in a room is there, also when we had given them up.
        mine.amounts[i] := CASE WHEN rates[i] = 'Infinity' THEN holds[i] ELSE least(mine.amounts[i], holds[i]) END;
        total[i] := total[i] + mine.amounts[i];
        b.level[i] := CASE WHEN rates[i] = 'Infinity' THEN sizes[i] - total[i]
                           ELSE least(sizes[i] - total[i], b.level[i] + credit[i]) END;
        mine.given[i] := 0;
        waits := waits OR needed[i] > 0;
    END LOOP;
    IF pause > 0 THEN
        b.paused := greatest(b.paused, moment + make_interval(secs => pause));
    END IF;

    IF waits AND mine.place IS NULL THEN
        b.turn := b.turn + 1;
        mine.place := b.turn;
    ELSIF NOT waits THEN
        mine.place := NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE place IS NOT NULL AND due > moment) INTO active, others
    FROM remit.grants WHERE name = which AND worker <> who;
    SELECT array_agg(coalesce((
        SELECT sum(least(other.need[i], sizes[i])) FROM remit.grants AS other
        WHERE other.name = which AND other.place < mine.place AND other.due > moment AND other.worker <> who), 0) ORDER BY i)
    INTO ahead FROM generate_subscripts(sizes, 1) AS i;

    wait := greatest(0.0, extract(epoch FROM b.paused - moment)::float8);
    fits := waits AND wait = 0;
    IF waits THEN
        FOR i IN 1 .. cardinality(sizes) LOOP
            IF ahead[i] > 0 OR b.level[i] < least(needed[i], sizes[i]) THEN
                fits := false;
                wait := greatest(wait, CASE WHEN rates[i] = 'Infinity' THEN 0.04 * (1 + ahead[i])
                    ELSE (ahead[i] + least(needed[i], sizes[i]) - b.level[i]) / rates[i] END);
            END IF;
        END LOOP;
    END IF;
    IF fits THEN
        FOR i IN 1 .. cardinality(sizes) LOOP
            -- What is larger than the bound goes when all is there, and leaves a debt.
            mine.given[i] := greatest(needed[i], floor(least(wanted[i], b.level[i] / (1 + active))));
            mine.amounts[i] := mine.amounts[i] + mine.given[i];
            b.level[i] := b.level[i] - mine.given[i];
        END LOOP;
        mine.place := NULL;
        wait := 0;
    ELSIF waits THEN
        wait := greatest(wait, 0.01);
    END IF;
    UPDATE remit.bounds SET level = b.level, at = moment, paused = b.paused, turn = b.turn WHERE name = which;
    UPDATE remit.grants AS g
    SET amounts = mine.amounts, need = needed, given = mine.given, number = ask, place = mine.place,
        due = moment + make_interval(secs => least(wait, 1.0) + 1.0), expires = moment + make_interval(secs => life)
    WHERE g.name = which AND g.worker = who;
    given := mine.given;
    stopped := greatest(0.0, extract(epoch FROM b.paused - moment)::float8);
    RETURN NEXT;
END
$$;

-- What the servers of a fleet share beside journals. Times are milliseconds since the epoch, 0 for never.
CREATE TABLE remit.keys (
    id      text COLLATE "C" PRIMARY KEY,
    digest  bytea NOT NULL,
    tenant  text NOT NULL,
    role    text NOT NULL,
    name    text NOT NULL,
    made    bigint NOT NULL,
    by      text NOT NULL,
    expires bigint NOT NULL,
    ends    bigint NOT NULL,
    used    bigint NOT NULL,
    heir    text NOT NULL
);

CREATE TABLE remit.logins (digest bytea PRIMARY KEY, key text NOT NULL, made bigint NOT NULL, seen bigint NOT NULL);
CREATE INDEX logins_by_age ON remit.logins (made);

CREATE TABLE remit.switches (
    tenant text NOT NULL,
    kind   text NOT NULL,
    name   text NOT NULL,
    by     text NOT NULL,
    at     bigint NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);

-- The log of who did or was refused what. A line has a mark of its own, so that one sent again is not written twice.
CREATE TABLE remit.audit (
    seq    bigint PRIMARY KEY,
    mark   uuid NOT NULL UNIQUE,
    tenant text NOT NULL,
    body   bytea NOT NULL
);
CREATE INDEX audit_by_tenant ON remit.audit (tenant, seq);

-- The number of the last line ever written. Numbers are never given twice, so lines that are gone leave a gap.
CREATE TABLE remit.audit_tail (alone boolean PRIMARY KEY CHECK (alone), seq bigint NOT NULL) WITH (fillfactor = 50);

CREATE FUNCTION remit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only' USING ERRCODE = '42501';
END
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON remit.audit
    FOR EACH ROW EXECUTE FUNCTION remit.refuse_change();

-- Writes lines in one transaction. Writers stand in a line at the tail until they commit, so that whoever has read up to
-- a number never finds a line before it later, and one that fails leaves no gap.
CREATE FUNCTION remit.audit_1(marks uuid[], tenants text[], bodies bytea[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    tail bigint;
    added bigint;
BEGIN
    INSERT INTO remit.audit_tail VALUES (true, 0) ON CONFLICT DO NOTHING;
    SELECT seq INTO tail FROM remit.audit_tail FOR UPDATE;
    INSERT INTO remit.audit
    SELECT tail + row_number() OVER (ORDER BY place), mark, tenant, body
    FROM unnest(marks, tenants, bodies) WITH ORDINALITY AS line (mark, tenant, body, place)
    WHERE NOT EXISTS (SELECT FROM remit.audit AS there WHERE there.mark = line.mark);
    GET DIAGNOSTICS added = ROW_COUNT;
    UPDATE remit.audit_tail SET seq = tail + added;
END
$$;

-- How much each key or person may still ask of the whole fleet; below nothing when servers gave more than there was.
-- Of no worth after a crash, so nobody waits for it to be written.
CREATE UNLOGGED TABLE remit.paces (
    name  bytea PRIMARY KEY,
    level float8 NOT NULL,
    at    timestamptz NOT NULL,
    rested timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX paces_by_rest ON remit.paces (rested);

-- Which notices some server is sending, until when it may take, and which were taken by who was to be told.
CREATE TABLE remit.notices (
    id    text COLLATE "C" PRIMARY KEY,
    claim uuid NOT NULL,
    until timestamptz NOT NULL,
    sent  boolean NOT NULL
);
CREATE INDEX notices_by_age ON remit.notices (until);

-- What was appended of late, for those who follow all sessions.
CREATE INDEX batches_by_time ON remit.batches (at);

-- What tells the archives of this database from those of another; one row, made when it is first needed.
CREATE TABLE remit.identity (
    id     uuid NOT NULL DEFAULT gen_random_uuid(),
    single boolean PRIMARY KEY DEFAULT true CHECK (single)
);

-- Files that sessions were moved to. A file that is not here was written by somebody who died before they were removed.
CREATE TABLE remit.archives (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       text COLLATE "C" NOT NULL UNIQUE,
    file     text NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    sessions bigint NOT NULL
);

-- What stays of a session in a file: its name, so that nobody opens another under it.
CREATE TABLE remit.archived (
    id      text COLLATE "C" PRIMARY KEY,
    tenant  text NOT NULL,
    archive bigint NOT NULL
);
CREATE INDEX archived_by_archive ON remit.archived (archive);

-- Sessions that came back from a file, which are not to go again at once.
CREATE TABLE remit.restored (id text COLLATE "C" PRIMARY KEY, at timestamptz NOT NULL);

-- Blobs that a session in a file referred to, and since when; whoever puts one again takes it off this list.
CREATE TABLE remit.loose (digest text COLLATE "C" PRIMARY KEY, since timestamptz NOT NULL);

CREATE INDEX sessions_by_parent ON remit.sessions (parent) WHERE parent <> '';

-- As triggers, so that code which knows nothing of archives keeps to them too.
CREATE FUNCTION remit.refuse_archived() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept record;
BEGIN
    SELECT archives.at, archives.file INTO kept
    FROM remit.archived JOIN remit.archives ON archives.number = archived.archive WHERE archived.id = NEW.id;
    IF FOUND THEN
        RAISE EXCEPTION 'session ''%'' was archived on %, in %; `remit db restore` brings it back',
            NEW.id, to_char(kept.at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), kept.file USING ERRCODE = '23A01';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse_archived BEFORE INSERT ON remit.sessions
    FOR EACH ROW EXECUTE FUNCTION remit.refuse_archived();

CREATE FUNCTION remit.hold_blob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM remit.loose WHERE digest = NEW.digest;
    RETURN NEW;
END
$$;
CREATE TRIGGER hold_blob BEFORE INSERT ON remit.blobs FOR EACH ROW EXECUTE FUNCTION remit.hold_blob();

-- The tables of the journal and what guards them. Each statement stands below its name, a blank line after it.
-- One row per entry, and one row with the version of the tables.

-- entries
-- "at" is text, so that microseconds and UTC come back from both engines as they were hashed; "payload" is the canonical JSON
-- itself: a JSON column would write numbers and keys its own way. The two UNIQUE constraints decide who was first when two people
-- save at once.
CREATE TABLE entries (
    id TEXT NOT NULL PRIMARY KEY,
    subject_kind TEXT NOT NULL CONSTRAINT entries_subject_kinds CHECK (subject_kind IN ('rep', 'team')),
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    team TEXT,
    sequence INTEGER NOT NULL CONSTRAINT entries_counted CHECK (sequence >= 1),
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    author_name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT entries_roles CHECK (role IN ('manager', 'analyst', 'rep')),
    on_behalf_of TEXT,
    visibility TEXT NOT NULL CONSTRAINT entries_visibilities CHECK (visibility IN ('shared', 'manager_only')),
    at TEXT NOT NULL,
    supersedes TEXT REFERENCES entries (id),
    source TEXT,
    payload TEXT NOT NULL,
    salt TEXT NOT NULL,
    digest TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT entries_in_order UNIQUE (subject_kind, subject, period, sequence),
    CONSTRAINT entries_superseded_once UNIQUE (supersedes))

-- journal
CREATE TABLE journal (version INTEGER NOT NULL)

-- sqlite: no change
CREATE TRIGGER IF NOT EXISTS entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

-- sqlite: no removal
CREATE TRIGGER IF NOT EXISTS entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END

-- postgresql: refusal
CREATE OR REPLACE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$

-- postgresql: no change, no removal
CREATE OR REPLACE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION entries_refuse()

-- postgresql: no emptying
CREATE OR REPLACE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()

-- access
-- What a login may see, on a server: everything, a team, or what is shared of a rep.
CREATE TABLE access (
    login TEXT NOT NULL,
    scope TEXT NOT NULL CONSTRAINT access_scopes CHECK (scope IN ('all', 'team', 'subject')),
    id TEXT NOT NULL,
    PRIMARY KEY (login, scope, id))

-- review_goes_on
-- Whether a review goes on in a team: its last entry is of it; null where nothing is recorded. It sees every row.
CREATE OR REPLACE FUNCTION review_goes_on(a_kind text, a_subject text, a_period text, a_team text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  SELECT team IS NOT DISTINCT FROM a_team FROM entries
  WHERE subject_kind = a_kind AND subject = a_subject AND period = a_period ORDER BY sequence DESC LIMIT 1
$$

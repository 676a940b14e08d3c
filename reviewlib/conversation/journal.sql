-- The tables of the journal and what guards them. What is run at once stands below its name, a blank line after it.
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

-- sees_all
-- Whether a login sees everything.
SELECT EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'all')

-- owner
-- Who owns the tables, and in which schema they are.
SELECT pg_get_userbyid(relowner), nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE pg_class.oid = 'entries'::regclass

-- review_goes_on
-- Whether a review goes on in a team: its last entry is of it; null where nothing is recorded. It sees every row.
CREATE OR REPLACE FUNCTION review_goes_on(a_kind text, a_subject text, a_period text, a_team text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
  SELECT team IS NOT DISTINCT FROM a_team FROM entries
  WHERE subject_kind = a_kind AND subject = a_subject AND period = a_period ORDER BY sequence DESC LIMIT 1
$$

-- policies
-- Read: own teams, and what is shared of reps who are in them now; of reps without a team also what one wrote oneself.
-- Write: in one's own name; in own teams, and there in no review that is another team's.
REVOKE ALL ON entries, journal, access FROM PUBLIC;
ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE entries FORCE ROW LEVEL SECURITY;
ALTER TABLE access ENABLE ROW LEVEL SECURITY;
ALTER TABLE access FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS entries_read ON entries;
CREATE POLICY entries_read ON entries FOR SELECT USING (
    EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'all')
    OR EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'team' AND access.id = entries.team)
    OR (subject_kind = 'rep' AND (visibility = 'shared' OR (team IS NULL AND author = current_user))
        AND EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'subject' AND access.id = entries.subject)));
DROP POLICY IF EXISTS entries_write ON entries;
CREATE POLICY entries_write ON entries FOR INSERT WITH CHECK (
    author = current_user AND (
        EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'all')
        OR ((EXISTS (SELECT 1 FROM access WHERE login = current_user AND scope = 'team' AND access.id = entries.team)
             OR (team IS NULL AND subject_kind = 'rep' AND EXISTS (
                 SELECT 1 FROM access WHERE login = current_user AND scope = 'subject' AND access.id = entries.subject)))
            AND COALESCE(
                review_goes_on(subject_kind, subject, period, team),
                CASE subject_kind WHEN 'team' THEN subject = team ELSE EXISTS (
                    SELECT 1 FROM access WHERE login = current_user AND scope = 'subject' AND access.id = entries.subject) END))));
DROP POLICY IF EXISTS access_own ON access;
CREATE POLICY access_own ON access FOR SELECT USING (login = current_user);
DROP POLICY IF EXISTS access_kept ON access;
CREATE POLICY access_kept ON access FOR ALL TO {owner} USING (true) WITH CHECK (true)

-- holders
-- Every role that was given anything on one of the tables.
SELECT DISTINCT pg_get_userbyid(acl.grantee) FROM pg_class, aclexplode(relacl) AS acl
WHERE pg_class.oid IN ('entries'::regclass, 'journal'::regclass, 'access'::regclass) AND acl.grantee <> 0

-- take
REVOKE ALL ON entries, journal, access FROM {login}

-- give
GRANT SELECT, INSERT ON entries TO {login};
GRANT SELECT ON journal, access TO {login}

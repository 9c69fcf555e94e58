-- What the authority must remember, at its beginning. Times are microseconds since 1970 in UTC, and NULL is the zero time.
-- Lists and compound values are JSON. Ids are compared byte by byte.

CREATE TABLE people (
    id               TEXT PRIMARY KEY NOT NULL,
    username         TEXT NOT NULL,
    username_key     TEXT UNIQUE, -- canonical; NULL where there is none
    email            TEXT NOT NULL,
    email_key        TEXT UNIQUE, -- canonical; NULL where there is none
    name             TEXT NOT NULL,
    email_verified   INTEGER NOT NULL,
    password         TEXT NOT NULL,
    password_changed INTEGER,
    administrator    INTEGER NOT NULL,
    disabled         INTEGER NOT NULL,
    created          INTEGER
);

CREATE TABLE organisations (
    id      TEXT PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    short   TEXT NOT NULL,
    creator TEXT NOT NULL, -- who may be gone by now
    created INTEGER
);

CREATE TABLE memberships (
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    person_id       TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role            TEXT NOT NULL,
    joined          INTEGER,
    PRIMARY KEY (person_id, organisation_id)
);
CREATE INDEX memberships_organisation ON memberships (organisation_id);

CREATE TABLE sign_ins (
    id        TEXT PRIMARY KEY NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    methods   TEXT,
    at        INTEGER,
    expires   INTEGER,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL
);
CREATE INDEX sign_ins_person ON sign_ins (person_id);
CREATE INDEX sign_ins_expires ON sign_ins (expires);

CREATE TABLE invitations (
    id            TEXT PRIMARY KEY NOT NULL,
    administrator INTEGER NOT NULL,
    created       INTEGER,
    expires       INTEGER
);
CREATE INDEX invitations_expires ON invitations (expires);

CREATE TABLE attempts (
    id      TEXT PRIMARY KEY NOT NULL,
    tries   INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    expires INTEGER NOT NULL
);
CREATE INDEX attempts_expires ON attempts (expires);

CREATE TABLE clients (
    id           TEXT PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    secret_hash  BLOB,
    redirects    TEXT,
    grants       TEXT,
    scope        TEXT,
    default_     TEXT,
    audience     TEXT NOT NULL,
    resources    TEXT,
    algorithm    TEXT NOT NULL,
    refreshing   TEXT NOT NULL,
    introspects  INTEGER NOT NULL,
    access       INTEGER NOT NULL, -- durations are nanoseconds
    idle         INTEGER NOT NULL,
    absolute     INTEGER NOT NULL,
    replay       INTEGER NOT NULL,
    token_prefix TEXT NOT NULL,
    disabled     INTEGER NOT NULL,
    created      INTEGER
);

CREATE TABLE codes (
    id        TEXT PRIMARY KEY NOT NULL,
    request   TEXT NOT NULL,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL, -- apart from the JSON, which would mend the half rune of a cut one
    machine   TEXT NOT NULL,
    approval  TEXT,
    expires   INTEGER,
    redeemed  INTEGER,
    family_id TEXT NOT NULL
);
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE device_requests (
    id        TEXT PRIMARY KEY NOT NULL,
    user_code TEXT NOT NULL UNIQUE, -- an expired request makes way for a new one
    client_id TEXT NOT NULL,
    scope     TEXT,
    audience  TEXT,
    challenge TEXT NOT NULL,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL,
    machine   TEXT NOT NULL,
    created   INTEGER,
    expires   INTEGER,
    state     TEXT NOT NULL,
    approval  TEXT,
    decided   INTEGER,
    family_id TEXT NOT NULL
);
CREATE INDEX device_requests_expires ON device_requests (expires);
CREATE INDEX device_requests_decided ON device_requests (decided) WHERE decided IS NOT NULL;
CREATE INDEX device_requests_pending ON device_requests (address, expires) WHERE state = 'pending';

CREATE TABLE families (
    id           TEXT PRIMARY KEY NOT NULL,
    kind         TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    person_id    TEXT NOT NULL, -- who may be gone by now
    scope        TEXT,
    audience     TEXT,
    address      TEXT NOT NULL,
    agent        TEXT NOT NULL,
    machine      TEXT NOT NULL,
    how          TEXT NOT NULL,
    methods      TEXT,
    auth_time    INTEGER,
    level        INTEGER NOT NULL,
    issued_by    TEXT NOT NULL,
    created      INTEGER,
    ends         INTEGER,
    ended        INTEGER,
    end_reason   TEXT NOT NULL,
    -- What a refresh changes; none of it is in an index of sessions, so that a rotation writes one page.
    last_used    INTEGER,
    last_address TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    salt         BLOB,
    generation   INTEGER NOT NULL,
    current      BLOB NOT NULL,
    previous     BLOB NOT NULL,
    rotated      INTEGER
);
CREATE UNIQUE INDEX families_token ON families (current) WHERE kind = 'ready';
CREATE INDEX families_person ON families (person_id) WHERE ended IS NULL AND person_id <> '';
CREATE INDEX families_ended ON families (ended) WHERE ended IS NOT NULL;
CREATE INDEX families_ends ON families (ends) WHERE ends IS NOT NULL;

CREATE TABLE marks (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    before_ INTEGER,
    made    INTEGER,
    expires INTEGER,
    PRIMARY KEY (kind, id)
);
CREATE INDEX marks_made ON marks (made);
CREATE INDEX marks_expires ON marks (expires);

CREATE TABLE signing_keys (
    id      TEXT PRIMARY KEY NOT NULL,
    alg     TEXT NOT NULL,
    sealed  BLOB,
    created INTEGER,
    signs   INTEGER,
    retires INTEGER
);

CREATE TABLE events (
    seq       INTEGER PRIMARY KEY, -- the order in which they were told
    id        TEXT NOT NULL,
    at        INTEGER,
    kind      TEXT NOT NULL,
    person_id TEXT NOT NULL,
    actor     TEXT NOT NULL,
    client_id TEXT NOT NULL,
    family_id TEXT NOT NULL,
    address   TEXT NOT NULL,
    machine   TEXT NOT NULL,
    detail    TEXT NOT NULL
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_person ON events (person_id, at) WHERE person_id <> '';
CREATE INDEX events_family ON events (family_id, at) WHERE family_id <> '';

-- What the authority must remember, at its beginning. NULL is the zero time. Lists and compound values are JSON, kept as
-- text, since jsonb cannot hold everything that JSON can. Texts are compared byte by byte, whatever the locale of the
-- database; a byte that PostgreSQL cannot hold in a text stands in it as U+001A and two hexadecimal digits.

CREATE TABLE people (
    id               TEXT COLLATE "C" PRIMARY KEY,
    username         TEXT NOT NULL,
    username_key     TEXT COLLATE "C" UNIQUE, -- canonical; NULL where there is none
    email            TEXT NOT NULL,
    name             TEXT NOT NULL,
    email_verified   BOOLEAN NOT NULL,
    password         TEXT NOT NULL,
    password_changed TIMESTAMPTZ,
    administrator    BOOLEAN NOT NULL,
    disabled         BOOLEAN NOT NULL,
    created          TIMESTAMPTZ
);

-- What somebody signs in with: user names and e-mail addresses, canonical. One name is one person's.
CREATE TABLE names (
    name      TEXT COLLATE "C" PRIMARY KEY,
    person_id TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE
);
CREATE INDEX names_person ON names (person_id);

CREATE TABLE organisations (
    id      TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT NOT NULL,
    short   TEXT NOT NULL,
    creator TEXT NOT NULL, -- who may be gone by now
    created TIMESTAMPTZ
);

CREATE TABLE memberships (
    organisation_id TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    person_id       TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role            TEXT NOT NULL,
    joined          TIMESTAMPTZ,
    PRIMARY KEY (person_id, organisation_id)
);
CREATE INDEX memberships_organisation ON memberships (organisation_id);

CREATE TABLE projects (
    id              TEXT COLLATE "C" PRIMARY KEY,
    organisation_id TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name            TEXT COLLATE "C" NOT NULL,
    creator         TEXT NOT NULL, -- who may be gone by now
    created         TIMESTAMPTZ,
    UNIQUE (organisation_id, name)
);

CREATE TABLE domains (
    id      TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT NOT NULL,
    created TIMESTAMPTZ
);

CREATE TABLE bindings (
    id        TEXT COLLATE "C" PRIMARY KEY,
    domain_id TEXT COLLATE "C" NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    alias     TEXT COLLATE "C" NOT NULL,
    name      TEXT NOT NULL,
    issuer    TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret    BYTEA,
    primary_  BOOLEAN NOT NULL,
    disabled  BOOLEAN NOT NULL,
    creates   BOOLEAN NOT NULL,
    acr       TEXT,
    amr       TEXT,
    created   TIMESTAMPTZ,
    UNIQUE (domain_id, alias)
);
CREATE UNIQUE INDEX bindings_primary ON bindings (domain_id) WHERE primary_;

CREATE TABLE links (
    issuer     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    person_id  TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    binding_id TEXT NOT NULL, -- which may be gone by now
    created    TIMESTAMPTZ,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX links_person ON links (person_id);

CREATE TABLE factors (
    id        TEXT COLLATE "C" PRIMARY KEY,
    person_id TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    secret    BYTEA,
    created   TIMESTAMPTZ,
    last_step BIGINT NOT NULL
);
CREATE INDEX factors_person ON factors (person_id);

CREATE TABLE sign_ins (
    id        TEXT COLLATE "C" PRIMARY KEY,
    person_id TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    methods   TEXT,
    binding   TEXT NOT NULL,
    acr       TEXT NOT NULL,
    at        TIMESTAMPTZ,
    expires   TIMESTAMPTZ,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL
);
CREATE INDEX sign_ins_person ON sign_ins (person_id);
CREATE INDEX sign_ins_expires ON sign_ins (expires);

CREATE TABLE invitations (
    id            TEXT COLLATE "C" PRIMARY KEY,
    administrator BOOLEAN NOT NULL,
    created       TIMESTAMPTZ,
    expires       TIMESTAMPTZ
);
CREATE INDEX invitations_expires ON invitations (expires);

CREATE TABLE attempts (
    id      TEXT COLLATE "C" PRIMARY KEY,
    tries   BIGINT NOT NULL,
    first   TIMESTAMPTZ NOT NULL,
    expires TIMESTAMPTZ NOT NULL
);
CREATE INDEX attempts_expires ON attempts (expires);

CREATE TABLE clients (
    id           TEXT COLLATE "C" PRIMARY KEY,
    name         TEXT NOT NULL,
    secret_hash  BYTEA,
    redirects    TEXT,
    grants       TEXT,
    scope        TEXT,
    default_     TEXT,
    audience     TEXT NOT NULL,
    resources    TEXT,
    algorithm    TEXT NOT NULL,
    refreshing   TEXT NOT NULL,
    introspects  BOOLEAN NOT NULL,
    access       BIGINT NOT NULL, -- durations are nanoseconds
    idle         BIGINT NOT NULL,
    absolute     BIGINT NOT NULL,
    replay       BIGINT NOT NULL,
    token_prefix TEXT NOT NULL,
    ready_claim  TEXT NOT NULL,
    disabled     BOOLEAN NOT NULL,
    created      TIMESTAMPTZ
);

CREATE TABLE codes (
    id        TEXT COLLATE "C" PRIMARY KEY,
    request   TEXT NOT NULL,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL, -- apart from the JSON, which would mend the half rune of a cut one
    machine   TEXT NOT NULL,
    approval  TEXT,
    expires   TIMESTAMPTZ,
    redeemed  TIMESTAMPTZ,
    family_id TEXT NOT NULL
);
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE device_requests (
    id        TEXT COLLATE "C" PRIMARY KEY,
    user_code TEXT COLLATE "C" NOT NULL UNIQUE, -- an expired request makes way for a new one
    client_id TEXT NOT NULL,
    scope     TEXT,
    audience  TEXT,
    challenge TEXT NOT NULL,
    address   TEXT COLLATE "C" NOT NULL,
    agent     TEXT NOT NULL,
    machine   TEXT NOT NULL,
    binding   TEXT NOT NULL,
    created   TIMESTAMPTZ,
    expires   TIMESTAMPTZ,
    state     TEXT COLLATE "C" NOT NULL,
    approval  TEXT,
    decided   TIMESTAMPTZ,
    family_id TEXT NOT NULL
);
CREATE INDEX device_requests_expires ON device_requests (expires);
CREATE INDEX device_requests_decided ON device_requests (decided) WHERE decided IS NOT NULL;
CREATE INDEX device_requests_pending ON device_requests (address, expires) WHERE state = 'pending';

CREATE TABLE families (
    id           TEXT COLLATE "C" PRIMARY KEY,
    kind         TEXT COLLATE "C" NOT NULL,
    client_id    TEXT NOT NULL,
    person_id    TEXT COLLATE "C" NOT NULL, -- who may be gone by now
    scope        TEXT,
    audience     TEXT,
    address      TEXT NOT NULL,
    agent        TEXT NOT NULL,
    machine      TEXT NOT NULL,
    how          TEXT NOT NULL,
    methods      TEXT,
    auth_time    TIMESTAMPTZ,
    level        INTEGER NOT NULL,
    issued_by    TEXT NOT NULL,
    api_key_id   TEXT COLLATE "C" NOT NULL,
    binding      TEXT NOT NULL,
    acr          TEXT NOT NULL,
    created      TIMESTAMPTZ,
    ends         TIMESTAMPTZ,
    ended        TIMESTAMPTZ,
    end_reason   TEXT NOT NULL,
    -- What a refresh changes. No index is over any of it, partial ones included, and a page keeps room for the next version of
    -- its rows: so a rotation writes one page of the table and no index (a "heap-only tuple").
    last_used    TIMESTAMPTZ,
    last_address TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    salt         BYTEA,
    generation   BIGINT NOT NULL,
    current      BYTEA NOT NULL,
    previous     BYTEA NOT NULL,
    rotated      TIMESTAMPTZ,
    -- What ready tokens are found by, now and before they were renewed; NULL for sessions, whatever a rotation does.
    token        BYTEA GENERATED ALWAYS AS (CASE WHEN kind = 'ready' THEN current END) STORED,
    token_before BYTEA GENERATED ALWAYS AS (CASE WHEN kind = 'ready' AND generation > 0 THEN previous END) STORED
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX families_token ON families (token) WHERE token IS NOT NULL;
CREATE INDEX families_token_before ON families (token_before) WHERE token_before IS NOT NULL;
CREATE INDEX families_person ON families (person_id) WHERE ended IS NULL AND person_id <> '';
CREATE INDEX families_api_key ON families (api_key_id) WHERE ended IS NULL AND api_key_id <> '';
CREATE INDEX families_ended ON families (ended) WHERE ended IS NOT NULL;
CREATE INDEX families_ends ON families (ends) WHERE ends IS NOT NULL;

CREATE TABLE api_keys (
    id        TEXT COLLATE "C" PRIMARY KEY,
    person_id TEXT COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    hash      BYTEA NOT NULL UNIQUE, -- of revoked ones too: a key that was revoked never comes back
    hint      TEXT NOT NULL,
    scope     TEXT,
    issued_by TEXT NOT NULL, -- who may be gone by now
    created   TIMESTAMPTZ,
    expires   TIMESTAMPTZ,
    revoked   TIMESTAMPTZ,
    last_used TIMESTAMPTZ
);
CREATE INDEX api_keys_person ON api_keys (person_id);

CREATE TABLE marks (
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    before_ TIMESTAMPTZ,
    made    TIMESTAMPTZ,
    expires TIMESTAMPTZ,
    PRIMARY KEY (kind, id)
);
CREATE INDEX marks_made ON marks (made);
CREATE INDEX marks_expires ON marks (expires);

CREATE TABLE signing_keys (
    id      TEXT COLLATE "C" PRIMARY KEY,
    alg     TEXT COLLATE "C" NOT NULL,
    sealed  BYTEA,
    created TIMESTAMPTZ,
    signs   TIMESTAMPTZ,
    retires TIMESTAMPTZ
);

CREATE TABLE events (
    seq       BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, -- the order in which they were told
    id        TEXT NOT NULL,
    at        TIMESTAMPTZ,
    kind      TEXT COLLATE "C" NOT NULL,
    person_id TEXT COLLATE "C" NOT NULL,
    actor     TEXT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    family_id TEXT COLLATE "C" NOT NULL,
    address   TEXT NOT NULL,
    machine   TEXT NOT NULL,
    detail    TEXT NOT NULL
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_person ON events (person_id, at) WHERE person_id <> '';
CREATE INDEX events_family ON events (family_id, at) WHERE family_id <> '';

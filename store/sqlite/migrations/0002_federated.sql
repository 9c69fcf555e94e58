-- API keys, projects, Domains with their bindings, links and second factors; and what they bring to the tables that were
-- there. Every new column has a default, so that a program that does not know it yet still writes rows.

ALTER TABLE clients ADD COLUMN ready_claim TEXT NOT NULL DEFAULT '';
ALTER TABLE device_requests ADD COLUMN binding TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN api_key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN binding TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN acr TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_ins ADD COLUMN binding TEXT NOT NULL DEFAULT '';
ALTER TABLE sign_ins ADD COLUMN acr TEXT NOT NULL DEFAULT '';

-- The hash before is worth something only where there was one, so that most ready tokens are not in this index at all.
CREATE INDEX families_token_before ON families (previous) WHERE kind = 'ready' AND generation > 0;
CREATE INDEX families_api_key ON families (api_key_id) WHERE ended IS NULL AND api_key_id <> '';

CREATE TABLE api_keys (
    id        TEXT PRIMARY KEY NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    hash      BLOB NOT NULL UNIQUE, -- of revoked ones too: a key that was revoked never comes back
    hint      TEXT NOT NULL,
    scope     TEXT,
    issued_by TEXT NOT NULL, -- who may be gone by now
    created   INTEGER,
    expires   INTEGER,
    revoked   INTEGER,
    last_used INTEGER
);
CREATE INDEX api_keys_person ON api_keys (person_id);

CREATE TABLE projects (
    id              TEXT PRIMARY KEY NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    creator         TEXT NOT NULL, -- who may be gone by now
    created         INTEGER,
    UNIQUE (organisation_id, name)
);

CREATE TABLE domains (
    id      TEXT PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    created INTEGER
);

CREATE TABLE bindings (
    id        TEXT PRIMARY KEY NOT NULL,
    domain_id TEXT NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    alias     TEXT NOT NULL,
    name      TEXT NOT NULL,
    issuer    TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret    BLOB,
    primary_  INTEGER NOT NULL,
    disabled  INTEGER NOT NULL,
    creates   INTEGER NOT NULL,
    acr       TEXT,
    amr       TEXT,
    created   INTEGER,
    UNIQUE (domain_id, alias)
);
CREATE UNIQUE INDEX bindings_primary ON bindings (domain_id) WHERE primary_ <> 0;

CREATE TABLE links (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    person_id  TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    binding_id TEXT NOT NULL, -- which may be gone by now
    created    INTEGER,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX links_person ON links (person_id);

CREATE TABLE factors (
    id        TEXT PRIMARY KEY NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    secret    BLOB,
    created   INTEGER,
    last_step INTEGER NOT NULL
);
CREATE INDEX factors_person ON factors (person_id);

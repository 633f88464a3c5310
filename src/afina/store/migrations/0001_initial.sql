-- Every table has row_check over its other columns: generated, so nobody can forget it (see db.py).

-- Facts of the workspace itself (its signing key, its id).
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, row_check INTEGER AS (afina_check(name, value)) STORED) STRICT;

-- Knowledge. generation grows with every change of a collection; settings is JSON (split, weight, embedder).
CREATE TABLE collections (
    project TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL DEFAULT 0,
    settings TEXT NOT NULL DEFAULT '{}', created REAL NOT NULL,
    row_check INTEGER AS (afina_check(project, name, generation, settings, created)) STORED,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

-- body is JSON (title, lang, pages, headings, attributes); text is the whole text as read.
CREATE TABLE documents (
    project TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    sha256 TEXT NOT NULL, text TEXT NOT NULL, body TEXT NOT NULL, added REAL NOT NULL,
    row_check INTEGER AS (afina_check(project, collection, id, name, sha256, text, body, added)) STORED,
    PRIMARY KEY (project, collection, id), UNIQUE (project, collection, name),
    FOREIGN KEY (project, collection) REFERENCES collections (project, name)
) STRICT;

-- text is documents.text[start:end], kept for reading; check_sha is sha256 over text and position.
CREATE TABLE passages (
    project TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL, document_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, page INTEGER,
    heading TEXT NOT NULL, text TEXT NOT NULL, check_sha TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, collection, id, document_id, ordinal, start, stop, page, heading, text, check_sha)) STORED,
    PRIMARY KEY (project, collection, id),
    FOREIGN KEY (project, collection, document_id) REFERENCES documents (project, collection, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX passages_of_document ON passages (project, collection, document_id, ordinal);

-- vector is float16 little-endian; check_sha is sha256 of it.
CREATE TABLE vectors (
    project TEXT NOT NULL, collection TEXT NOT NULL, passage_id TEXT NOT NULL, embedder TEXT NOT NULL,
    vector BLOB NOT NULL, check_sha TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, collection, passage_id, embedder, vector, check_sha)) STORED,
    PRIMARY KEY (project, collection, embedder, passage_id),
    FOREIGN KEY (project, collection, passage_id) REFERENCES passages (project, collection, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Named sets of examples; messages is JSON. group_name: the document or person they come from.
CREATE TABLE examples (
    project TEXT NOT NULL, set_name TEXT NOT NULL, ordinal INTEGER NOT NULL, id TEXT NOT NULL,
    messages TEXT NOT NULL, group_name TEXT NOT NULL, added REAL NOT NULL,
    row_check INTEGER AS (afina_check(project, set_name, ordinal, id, messages, group_name, added)) STORED,
    PRIMARY KEY (project, set_name, id)
) STRICT;

-- Recipes made at run time; body is JSON. aliases move on promotion.
CREATE TABLE recipes (
    project TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL, created REAL NOT NULL,
    row_check INTEGER AS (afina_check(project, name, digest, body, created)) STORED,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

-- Files under artefacts/<kind>/<digest>/, which may have several names; files is JSON path -> sha256, meta is JSON.
CREATE TABLE artefacts (
    project TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL,
    files TEXT NOT NULL, meta TEXT NOT NULL, created REAL NOT NULL,
    row_check INTEGER AS (afina_check(project, kind, digest, name, files, meta, created)) STORED,
    PRIMARY KEY (project, kind, digest, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX artefacts_by_name ON artefacts (project, kind, name, created);

-- What was answered: ids, hashes and counts, never text of documents or answers. body is JSON.
CREATE TABLE runs (
    project TEXT NOT NULL, id TEXT NOT NULL, user TEXT, model TEXT NOT NULL, recipe TEXT NOT NULL,
    engine TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, id, user, model, recipe, engine, created, body)) STORED,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_time ON runs (project, created);

-- A study and its finished (arm, case) rows; body is JSON.
CREATE TABLE studies (
    project TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, id, name, created, body)) STORED,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE study_rows (
    project TEXT NOT NULL, study TEXT NOT NULL, arm TEXT NOT NULL, case_id TEXT NOT NULL, pass TEXT NOT NULL,
    block INTEGER NOT NULL, body TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, study, arm, case_id, pass, block, body)) STORED,
    PRIMARY KEY (project, study, arm, pass, case_id),
    FOREIGN KEY (project, study) REFERENCES studies (project, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

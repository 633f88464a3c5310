-- Messages that models read in a study, named by digest; rows of the study name them. Erased with their documents.
CREATE TABLE study_texts (
    project TEXT NOT NULL, study TEXT NOT NULL, digest TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
    row_check INTEGER AS (afina_check(project, study, digest, role, content)) STORED,
    PRIMARY KEY (project, study, digest),
    FOREIGN KEY (project, study) REFERENCES studies (project, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Which recipe a name was moved to, and from which; before is '' where nothing answered, undone NULL until rolled back.
CREATE TABLE promotions (
    project TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, target TEXT NOT NULL, before TEXT NOT NULL,
    study TEXT NOT NULL, arm TEXT NOT NULL, made REAL NOT NULL, undone REAL,
    row_check INTEGER AS (afina_check(project, name, number, target, before, study, arm, made, undone)) STORED,
    PRIMARY KEY (project, name, number)
) STRICT, WITHOUT ROWID;

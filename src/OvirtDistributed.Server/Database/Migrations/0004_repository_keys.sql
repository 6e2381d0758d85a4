CREATE TABLE repository_keys (
    key_set_id uuid NOT NULL,
    sealed_key bytea NOT NULL,
    created timestamp with time zone NOT NULL,
    CONSTRAINT pk_repository_keys PRIMARY KEY (key_set_id)
);

ALTER TABLE repositories ADD key_set_id uuid;

ALTER TABLE repositories ADD key_slots integer NOT NULL DEFAULT 0;

ALTER TABLE repositories ALTER COLUMN key_slots DROP DEFAULT;

CREATE TABLE restore_plans (
    digest text NOT NULL,
    request jsonb NOT NULL,
    facts jsonb NOT NULL,
    created timestamp with time zone NOT NULL,
    CONSTRAINT pk_restore_plans PRIMARY KEY (digest)
);

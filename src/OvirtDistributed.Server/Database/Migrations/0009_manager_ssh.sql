ALTER TABLE managers ADD ssh jsonb;

ALTER TABLE managers ADD sealed_ssh_key bytea;

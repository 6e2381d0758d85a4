ALTER TABLE tasks ADD kind character varying(13);

UPDATE tasks SET kind = 'Disk';

ALTER TABLE tasks ALTER COLUMN kind SET NOT NULL;

ALTER TABLE tasks ADD phase text;

ALTER TABLE tasks ADD result jsonb;

ALTER TABLE tasks
    ALTER COLUMN disk_id DROP NOT NULL,
    ALTER COLUMN disk_alias DROP NOT NULL,
    ALTER COLUMN size_bytes DROP NOT NULL,
    ALTER COLUMN incremental DROP NOT NULL,
    ALTER COLUMN mode_reason DROP NOT NULL,
    ALTER COLUMN statistics DROP NOT NULL,
    ALTER COLUMN root_levels DROP NOT NULL,
    ALTER COLUMN root_size_bytes DROP NOT NULL,
    ALTER COLUMN stored_bytes DROP NOT NULL,
    ALTER COLUMN damage DROP NOT NULL;

CREATE UNIQUE INDEX ix_tasks_job_id_phase ON tasks (job_id, phase);

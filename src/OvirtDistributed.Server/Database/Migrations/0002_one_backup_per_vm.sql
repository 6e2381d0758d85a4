CREATE UNIQUE INDEX ix_jobs_manager_id_vm_id ON jobs (manager_id, vm_id) WHERE kind = 'Backup' AND outcome = 'Running';

ALTER TABLE tasks ADD COLUMN published timestamp with time zone;
UPDATE tasks SET published = offered;
ALTER TABLE tasks ALTER COLUMN published SET NOT NULL;

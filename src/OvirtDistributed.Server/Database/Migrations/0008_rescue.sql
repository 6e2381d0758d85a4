ALTER TABLE tasks ADD rescue jsonb;

ALTER TABLE restore_points ADD copy_of text NOT NULL DEFAULT '';

ALTER TABLE restore_points ALTER COLUMN copy_of DROP DEFAULT;

ALTER TABLE repositories ADD replica_of uuid;

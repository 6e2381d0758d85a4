ALTER TABLE restore_points ADD verified timestamp with time zone;

ALTER TABLE restore_points ADD damage text NOT NULL DEFAULT '';

ALTER TABLE restore_points ALTER COLUMN damage DROP DEFAULT;

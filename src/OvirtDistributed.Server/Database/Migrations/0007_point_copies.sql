ALTER TABLE jobs ADD copy jsonb;

ALTER TABLE jobs ADD verify jsonb;

ALTER TABLE tasks ADD damage text NOT NULL DEFAULT '';

ALTER TABLE tasks ALTER COLUMN damage DROP DEFAULT;

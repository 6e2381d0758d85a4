ALTER TABLE workers ADD export_domains jsonb NOT NULL DEFAULT '[]';

ALTER TABLE workers ALTER export_domains DROP DEFAULT;

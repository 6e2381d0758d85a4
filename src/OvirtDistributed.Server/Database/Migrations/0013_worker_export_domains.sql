ALTER TABLE workers ADD export_domains jsonb NOT NULL DEFAULT '[]';

ALTER TABLE jobs ADD copy jsonb;

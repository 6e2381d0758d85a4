ALTER TABLE restore_points ADD locked_until timestamp with time zone;

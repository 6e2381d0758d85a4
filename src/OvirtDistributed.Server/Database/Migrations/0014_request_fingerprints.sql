ALTER TABLE handled_requests ADD fingerprint text NOT NULL DEFAULT '';

ALTER TABLE handled_requests ALTER fingerprint DROP DEFAULT;

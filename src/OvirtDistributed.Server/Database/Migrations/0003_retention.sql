CREATE TABLE retention_policies (
    id uuid NOT NULL,
    name text NOT NULL,
    rule jsonb NOT NULL,
    is_default boolean NOT NULL,
    changed timestamp with time zone NOT NULL,
    CONSTRAINT pk_retention_policies PRIMARY KEY (id)
);

CREATE TABLE retention_assignments (
    manager_id uuid NOT NULL,
    vm_id uuid NOT NULL,
    policy_id uuid NOT NULL,
    CONSTRAINT pk_retention_assignments PRIMARY KEY (manager_id, vm_id),
    CONSTRAINT fk_retention_assignments_policy_id FOREIGN KEY (policy_id) REFERENCES retention_policies (id) ON DELETE RESTRICT
);

CREATE TABLE point_pins (
    repository_id uuid NOT NULL,
    point_id text NOT NULL,
    reason text NOT NULL,
    pinned timestamp with time zone NOT NULL,
    CONSTRAINT pk_point_pins PRIMARY KEY (repository_id, point_id),
    CONSTRAINT fk_point_pins_repository_id_point_id FOREIGN KEY (repository_id, point_id) REFERENCES restore_points (repository_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX ix_retention_policies_is_default ON retention_policies (is_default) WHERE is_default;

CREATE UNIQUE INDEX ix_retention_policies_name ON retention_policies (name);

CREATE INDEX ix_retention_assignments_policy_id ON retention_assignments (policy_id);

import Kernel

/// The tables of on call. Steps are only ever added.
public enum OnCallSchema {
    public static let migrations: [Migration] =
        [
            Migration(
                "oncall-001-engine",
                [
                    // Plans as they were when something began that still goes by them. What the archive holds is the caller's matter.
                    .table(
                        "oncall_plan",
                        columns: """
                            property TEXT NOT NULL,
                            version TEXT NOT NULL,
                            archive BLOB NOT NULL,
                            stored_at INTEGER NOT NULL,
                            PRIMARY KEY (property, version)
                            """),
                    // Places of the routing tree that groups belong to.
                    .table(
                        "oncall_route",
                        columns: """
                            property TEXT NOT NULL,
                            plan TEXT NOT NULL,
                            route TEXT NOT NULL,
                            receiver TEXT NOT NULL,
                            decision TEXT NOT NULL,
                            PRIMARY KEY (property, plan, route, receiver)
                            """),
                    // Alerts that are not over, or whose end is not told. `labels` and `annotations` are names and values that each end with the byte 255.
                    .table(
                        "oncall_alert",
                        columns: """
                            property TEXT NOT NULL,
                            id INTEGER NOT NULL,
                            labels BLOB NOT NULL,
                            annotations BLOB NOT NULL,
                            starts_at INTEGER NOT NULL,
                            ends_at INTEGER NOT NULL,
                            updated_at INTEGER NOT NULL,
                            severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
                            flags INTEGER NOT NULL,
                            generator TEXT NOT NULL,
                            origin TEXT NOT NULL,
                            groups BLOB NOT NULL,
                            PRIMARY KEY (property, id)
                            """),
                    // Groups of alerts, and what people were told of them. `due_at` is when the next step of an open matter is due.
                    .table(
                        "oncall_group",
                        columns: """
                            property TEXT NOT NULL,
                            id INTEGER NOT NULL,
                            labels BLOB NOT NULL,
                            plan TEXT NOT NULL,
                            route TEXT NOT NULL,
                            receiver TEXT NOT NULL,
                            has_flushed INTEGER NOT NULL CHECK (has_flushed IN (0, 1)),
                            next_flush INTEGER NOT NULL,
                            silent_reason TEXT NOT NULL,
                            matter TEXT,
                            told BLOB,
                            due_at INTEGER,
                            PRIMARY KEY (property, id)
                            """),
                    .sql("CREATE INDEX oncall_group_due ON oncall_group (property, due_at) WHERE due_at IS NOT NULL"),
                    .table(
                        "oncall_silence",
                        columns: """
                            property TEXT NOT NULL,
                            id TEXT NOT NULL,
                            silence TEXT NOT NULL,
                            PRIMARY KEY (property, id)
                            """),
                    // How much each person was told lately, and what waits to be told together.
                    .table(
                        "oncall_person",
                        columns: """
                            property TEXT NOT NULL,
                            key TEXT NOT NULL,
                            record TEXT NOT NULL,
                            PRIMARY KEY (property, key)
                            """),
                ])
        ] + DrillSchema.migrations + [history, waiting, news]
}

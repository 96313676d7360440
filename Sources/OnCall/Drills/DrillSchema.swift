import Kernel

/// The tables of drills. Steps are only ever added.
enum DrillSchema {
    static let migrations: [Migration] = [
        Migration(
            "oncall-drills-001",
            [
                .table(
                    "oncall_drill",
                    columns: """
                        property TEXT NOT NULL,
                        id TEXT NOT NULL,
                        kind TEXT NOT NULL CHECK (kind IN ('person', 'schedule', 'receiver')),
                        subject TEXT NOT NULL,
                        within_s INTEGER NOT NULL CHECK (within_s > 0),
                        at_night INTEGER NOT NULL CHECK (at_night IN (0, 1)),
                        is_planned INTEGER NOT NULL CHECK (is_planned IN (0, 1)),
                        ordered_by TEXT NOT NULL,
                        began_at INTEGER NOT NULL,
                        outcome TEXT NOT NULL CHECK (outcome IN ('open', 'acknowledged', 'missed', 'nobody')),
                        acknowledged_by TEXT,
                        way TEXT,
                        ended_at INTEGER,
                        PRIMARY KEY (property, id)
                        """),
                .sql("CREATE INDEX oncall_drill_began ON oncall_drill (property, began_at)"),
                // `way` is a digest of instance and recipient: which contact it was, without the number.
                .table(
                    "oncall_drill_page",
                    columns: """
                        property TEXT NOT NULL,
                        id TEXT NOT NULL,
                        drill TEXT NOT NULL,
                        person TEXT,
                        contact TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        way TEXT NOT NULL,
                        level INTEGER NOT NULL,
                        sent_at INTEGER NOT NULL,
                        failure TEXT,
                        missed_at INTEGER,
                        is_proven INTEGER NOT NULL CHECK (is_proven IN (0, 1)),
                        PRIMARY KEY (property, id)
                        """),
                .sql("CREATE INDEX oncall_drill_page_drill ON oncall_drill_page (property, drill)"),
                .sql("CREATE INDEX oncall_drill_page_proven ON oncall_drill_page (property, person, way) WHERE is_proven = 1"),
            ])
    ]
}

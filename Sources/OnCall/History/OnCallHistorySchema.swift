import Kernel

extension OnCallSchema {
    /// What on call remembers of what is past. An alert that stands open is in `oncall_alert`, and moves from there when it is over: it is stored once.
    static let history = Migration(
        "oncall-002-history",
        [
            // When this occurrence of the alert was first heard of.
            .sql("ALTER TABLE oncall_alert ADD COLUMN raised_at INTEGER NOT NULL DEFAULT 0"),
            // Occurrences of alerts that are over. `goes_on` where the same alert went on with other labels or another severity.
            .table(
                "oncall_past_alert",
                columns: """
                    property TEXT NOT NULL,
                    id INTEGER NOT NULL,
                    raised_at INTEGER NOT NULL,
                    over_at INTEGER NOT NULL,
                    starts_at INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    labels BLOB NOT NULL,
                    annotations BLOB NOT NULL,
                    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
                    flags INTEGER NOT NULL,
                    origin TEXT NOT NULL,
                    groups BLOB NOT NULL,
                    goes_on INTEGER NOT NULL CHECK (goes_on IN (0, 1)),
                    PRIMARY KEY (property, id, raised_at)
                    """),
            .sql("CREATE INDEX oncall_past_alert_over ON oncall_past_alert (property, over_at)"),
            .sql("CREATE INDEX oncall_past_alert_name ON oncall_past_alert (property, name, raised_at)"),
            // What was told to whom. What became of it is in the ledger, under the page's id.
            .table(
                "oncall_page",
                columns: """
                    property TEXT NOT NULL,
                    id TEXT NOT NULL,
                    matter TEXT NOT NULL,
                    verb TEXT NOT NULL CHECK (verb IN ('page', 'update', 'resolve')),
                    receiver TEXT NOT NULL,
                    level INTEGER NOT NULL,
                    person TEXT,
                    contact TEXT NOT NULL,
                    instance TEXT NOT NULL,
                    reason TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    past_outbox INTEGER NOT NULL CHECK (past_outbox IN (0, 1)),
                    alerts BLOB NOT NULL,
                    PRIMARY KEY (property, id)
                    """),
            .sql("CREATE INDEX oncall_page_matter ON oncall_page (property, matter)"),
            .sql("CREATE INDEX oncall_page_at ON oncall_page (property, at)"),
            .table(
                "oncall_past_silence",
                columns: """
                    property TEXT NOT NULL,
                    id TEXT NOT NULL,
                    silence TEXT NOT NULL,
                    ends_at INTEGER NOT NULL,
                    PRIMARY KEY (property, id)
                    """),
            // Which plan came into force when; it was until the next one did. The plans' texts are in `oncall_plan`, each version once.
            .table(
                "oncall_plan_in_force",
                columns: """
                    seq INTEGER PRIMARY KEY,
                    property TEXT NOT NULL,
                    version TEXT NOT NULL,
                    since INTEGER NOT NULL
                    """),
        ])
}

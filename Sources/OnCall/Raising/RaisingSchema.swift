import Kernel

/// The tables of what raises alerts. Steps are only ever added.
public enum RaisingSchema {
    public static let migrations: [Migration] = [
        Migration(
            "raising-001-foundation",
            [
                .table(
                    "heartbeat",
                    columns: """
                        property TEXT NOT NULL,
                        name TEXT NOT NULL,
                        seen_at INTEGER,
                        due_at INTEGER NOT NULL,
                        PRIMARY KEY (property, name)
                        """),
                // The median of each full hour, by rule; hours are counted from 1970.
                .table(
                    "raising_baseline",
                    columns: """
                        property TEXT NOT NULL,
                        rule TEXT NOT NULL,
                        hour INTEGER NOT NULL,
                        value REAL NOT NULL,
                        PRIMARY KEY (property, rule, hour)
                        """),
            ])
    ]
}

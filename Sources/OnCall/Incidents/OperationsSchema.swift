import Kernel

/// The tables of incidents and of maintenance. Steps are only ever added.
public enum OperationsSchema {
    public static let migrations: [Migration] = [
        Migration(
            "operations-001-incidents",
            [
                .table(
                    "incident",
                    columns: """
                        property TEXT NOT NULL,
                        id TEXT NOT NULL,
                        state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'mitigated', 'watching', 'resolved', 'closed')),
                        opened_at INTEGER NOT NULL,
                        record TEXT NOT NULL,
                        postmortem TEXT,
                        PRIMARY KEY (property, id)
                        """),
                .sql("CREATE INDEX incident_opened ON incident (property, opened_at)"),
                // What happened, in order. Only ever added to.
                .table(
                    "incident_event",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        property TEXT NOT NULL,
                        incident TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        author TEXT NOT NULL,
                        text TEXT NOT NULL,
                        public INTEGER NOT NULL CHECK (public IN (0, 1)),
                        FOREIGN KEY (property, incident) REFERENCES incident (property, id)
                        """),
                .sql("CREATE INDEX incident_event_incident ON incident_event (property, incident, seq)"),
                // What people were paged for that belongs to an incident. `alert_group` is the group of alerts, of which `matter` is one telling.
                .table(
                    "incident_matter",
                    columns: """
                        property TEXT NOT NULL,
                        incident TEXT NOT NULL,
                        alert_group TEXT NOT NULL,
                        matter TEXT NOT NULL,
                        attached_at INTEGER NOT NULL,
                        PRIMARY KEY (property, incident, matter),
                        FOREIGN KEY (property, incident) REFERENCES incident (property, id)
                        """),
            ]),
        Migration(
            "operations-002-maintenance",
            [
                .table(
                    "maintenance",
                    columns: """
                        property TEXT NOT NULL,
                        id TEXT NOT NULL,
                        is_over INTEGER NOT NULL CHECK (is_over IN (0, 1)),
                        began_at INTEGER NOT NULL,
                        record TEXT NOT NULL,
                        PRIMARY KEY (property, id)
                        """),
                .sql("CREATE INDEX maintenance_open ON maintenance (property, began_at) WHERE is_over = 0"),
            ]),
    ]
}

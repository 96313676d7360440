import Kernel

/// The tables of outside sources. Steps are only ever added.
public enum SourceSchema {
    public static let migrations: [Migration] = [
        Migration(
            "sources-001-deliveries",
            [
                // Requests that were dealt with, so that one that is sent again is known again.
                .table(
                    "source_delivery",
                    columns: """
                        property TEXT NOT NULL,
                        source TEXT NOT NULL,
                        id TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        PRIMARY KEY (property, source, id)
                        """),
                .sql("CREATE INDEX source_delivery_at ON source_delivery (property, at)"),
            ])
    ]
}

/// The tables that the kernel owns. Steps are only ever added.
public enum KernelSchema {
    public static let migrations: [Migration] = [
        Migration(
            "kernel-001-foundation",
            [
                // What arrived and was acknowledged. `lane` orders the work: one lane is worked through in the order of `seq`.
                .table(
                    "inbox",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        vendor_id TEXT NOT NULL,
                        lane TEXT NOT NULL,
                        event TEXT NOT NULL,
                        received_at INTEGER NOT NULL,
                        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'dead')),
                        attempts INTEGER NOT NULL DEFAULT 0,
                        error TEXT,
                        UNIQUE (property, instance, vendor_id)
                        """),
                .sql("CREATE INDEX inbox_pending ON inbox (seq) WHERE state = 'pending'"),
                // What is to leave. Rows of one lane leave in the order of `seq`.
                .table(
                    "outbox",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        lane TEXT NOT NULL,
                        payload TEXT NOT NULL,
                        created_at INTEGER NOT NULL,
                        next_at INTEGER NOT NULL,
                        state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'delivered', 'read', 'failed', 'dead', 'withdrawn')),
                        attempts INTEGER NOT NULL DEFAULT 0,
                        error TEXT,
                        sent_at INTEGER
                        """),
                .sql("CREATE INDEX outbox_due ON outbox (seq) WHERE state = 'queued'"),
                .table(
                    "outbox_vendor_id",
                    columns: """
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        vendor_id TEXT NOT NULL,
                        outbox_id TEXT NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
                        PRIMARY KEY (property, instance, vendor_id)
                        """),
                // Why things happened. Only ever added to.
                .table(
                    "ledger",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        property TEXT NOT NULL,
                        subject TEXT NOT NULL,
                        step TEXT NOT NULL,
                        outcome TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        rule TEXT,
                        details TEXT,
                        at INTEGER NOT NULL
                        """),
                .sql("CREATE INDEX ledger_subject ON ledger (subject, seq)"),
                // Durable work in time.
                .table(
                    "job",
                    columns: """
                        id TEXT PRIMARY KEY,
                        property TEXT NOT NULL,
                        kind TEXT NOT NULL,
                        key TEXT UNIQUE,
                        payload BLOB NOT NULL,
                        run_at INTEGER NOT NULL,
                        attempts INTEGER NOT NULL DEFAULT 0,
                        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dead')),
                        lease_until INTEGER,
                        error TEXT,
                        created_at INTEGER NOT NULL
                        """),
                .sql("CREATE INDEX job_due ON job (run_at) WHERE state = 'waiting'"),
                .table(
                    "plugin_value",
                    columns: """
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        key TEXT NOT NULL,
                        value BLOB NOT NULL,
                        expires_at INTEGER,
                        PRIMARY KEY (property, instance, key)
                        """),
                .sql("CREATE INDEX plugin_value_expiry ON plugin_value (expires_at) WHERE expires_at IS NOT NULL"),
                // `key_id` names the key that `sealed` (nonce, ciphertext, tag) was made with, so that keys can rotate.
                .table(
                    "secret",
                    columns: """
                        property TEXT NOT NULL,
                        owner TEXT NOT NULL,
                        name TEXT NOT NULL,
                        key_id TEXT NOT NULL,
                        sealed BLOB NOT NULL,
                        updated_at INTEGER NOT NULL,
                        PRIMARY KEY (property, owner, name)
                        """),
                // Instances that are kept off: their code ended the process.
                .table(
                    "plugin_hold",
                    columns: """
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        held_at INTEGER NOT NULL,
                        PRIMARY KEY (property, instance)
                        """),
                .table(
                    "vector",
                    columns: """
                        collection TEXT NOT NULL,
                        key TEXT NOT NULL,
                        vector BLOB NOT NULL,
                        PRIMARY KEY (collection, key)
                        """),
            ]),
        Migration(
            "kernel-002-standing-alerts",
            [
                // What was raised by Jack's own watches and is not over.
                .table(
                    "standing_alert",
                    columns: """
                        property TEXT NOT NULL,
                        fingerprint TEXT NOT NULL,
                        alert TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        PRIMARY KEY (property, fingerprint)
                        """)
            ]),
        deadLetters,
    ]
}

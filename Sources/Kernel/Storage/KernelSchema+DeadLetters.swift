extension KernelSchema {
    /// What is known of dead letters, so that they can be listed, told of once, and sent again.
    static let deadLetters = Migration(
        "kernel-003-dead-letters",
        [
            // Since when an event fails: it is given an hour, and not a number of tries.
            .sql("ALTER TABLE inbox ADD COLUMN failing_since INTEGER"),
            .sql("ALTER TABLE inbox ADD COLUMN died_at INTEGER"),
            // What the letter is about, where several are: they are told of once.
            .sql("ALTER TABLE inbox ADD COLUMN matter TEXT"),
            .sql("ALTER TABLE outbox ADD COLUMN died_at INTEGER"),
            .sql("ALTER TABLE outbox ADD COLUMN matter TEXT"),
            .sql("ALTER TABLE job ADD COLUMN died_at INTEGER"),
            .sql("CREATE INDEX inbox_dead ON inbox (seq) WHERE state = 'dead'"),
            .sql("CREATE INDEX outbox_dead ON outbox (seq) WHERE state IN ('dead', 'failed')"),
            .sql("CREATE INDEX job_dead ON job (id) WHERE state = 'dead'"),
            // One lane's rows are read by themselves where it has many.
            .sql("CREATE INDEX inbox_lane ON inbox (lane, seq) WHERE state = 'pending'"),
            .sql("CREATE INDEX outbox_lane ON outbox (lane, seq) WHERE state = 'queued'"),
        ])
}

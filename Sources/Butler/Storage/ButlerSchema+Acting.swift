import Kernel

extension ButlerSchema {
    /// What acting for a guest rests on: how long a room may be believed, and who tried which booking number.
    static let acting = Migration(
        "butler-005-acting",
        [
            // A room without a term was noted before terms were kept: it counts no more.
            .sql("ALTER TABLE conversation ADD COLUMN room_stay TEXT"),
            .sql("ALTER TABLE conversation ADD COLUMN room_since INTEGER"),
            .sql("ALTER TABLE conversation ADD COLUMN room_until INTEGER"),
            .table(
                "verification_try",
                columns: """
                    property TEXT NOT NULL,
                    message_id TEXT NOT NULL,
                    number TEXT NOT NULL,
                    instance TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    PRIMARY KEY (property, message_id, number)
                    """),
            .sql("CREATE INDEX verification_try_number ON verification_try (property, number, at)"),
            .sql("CREATE INDEX verification_try_instance ON verification_try (property, instance, at)"),
            .sql("CREATE INDEX task_of_conversation ON task (conversation_id) WHERE state NOT IN ('done', 'cancelled')"),
        ])
}

import Kernel

extension ButlerSchema {
    /// Guests' files. The bytes stand apart, so that nobody who lists files reads them; both go with their message.
    static let attachments = Migration(
        "butler-006-attachments",
        [
            .table(
                "attachment",
                columns: """
                    id TEXT PRIMARY KEY,
                    property TEXT NOT NULL,
                    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
                    message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
                    place INTEGER NOT NULL,
                    instance TEXT NOT NULL,
                    media TEXT NOT NULL,
                    state TEXT NOT NULL CHECK (state IN ('waiting', 'stored', 'failed', 'forgotten')),
                    mime_type TEXT,
                    size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),
                    attempts INTEGER NOT NULL DEFAULT 0,
                    reason TEXT,
                    detail TEXT,
                    created_at INTEGER NOT NULL,
                    settled_at INTEGER,
                    UNIQUE (message_id, place)
                    """),
            // What is used, of one conversation and in all, is summed up from the index alone.
            .sql("CREATE INDEX attachment_used ON attachment (property, conversation_id, size) WHERE state = 'stored'"),
            .sql("CREATE INDEX attachment_kept ON attachment (property, created_at) WHERE state = 'stored'"),
            .sql("CREATE INDEX attachment_conversation ON attachment (conversation_id)"),
            .table(
                "attachment_content",
                columns: """
                    attachment_id TEXT PRIMARY KEY REFERENCES attachment (id) ON DELETE CASCADE,
                    bytes BLOB NOT NULL
                    """),
        ])
}

import Kernel

/// The tables of the hotel's domain. Steps are only ever added.
public enum ButlerSchema {
    public static let migrations: [Migration] = [
        Migration(
            "butler-001-foundation",
            [
                .table(
                    "guest",
                    columns: """
                        id TEXT PRIMARY KEY,
                        property TEXT NOT NULL,
                        pms_id TEXT,
                        first_name TEXT,
                        last_name TEXT,
                        email TEXT,
                        phone TEXT,
                        language TEXT,
                        vip TEXT,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        UNIQUE (property, pms_id)
                        """),
                .table(
                    "conversation",
                    columns: """
                        id TEXT PRIMARY KEY,
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        peer_kind TEXT NOT NULL,
                        peer_value TEXT NOT NULL,
                        guest_id TEXT REFERENCES guest (id) ON DELETE SET NULL,
                        reservation TEXT,
                        room TEXT,
                        state TEXT NOT NULL CHECK (state IN ('new', 'active', 'escalated', 'taken', 'resolved', 'closed')),
                        state_since INTEGER NOT NULL,
                        assigned_to TEXT,
                        language TEXT,
                        opted_out INTEGER NOT NULL DEFAULT 0 CHECK (opted_out IN (0, 1)),
                        last_guest_at INTEGER,
                        last_reply_at INTEGER,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        UNIQUE (property, instance, peer_kind, peer_value)
                        """),
                .sql("CREATE INDEX conversation_recent ON conversation (property, updated_at)"),
                .table(
                    "message",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        property TEXT NOT NULL,
                        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
                        author TEXT NOT NULL CHECK (author IN ('guest', 'jack', 'staff', 'system')),
                        author_name TEXT,
                        text TEXT NOT NULL,
                        content TEXT,
                        language TEXT,
                        intent TEXT,
                        confidence REAL,
                        vendor_id TEXT,
                        in_reply_to TEXT,
                        state TEXT NOT NULL CHECK (state IN ('received', 'held', 'rejected', 'released')),
                        was_held INTEGER NOT NULL DEFAULT 0 CHECK (was_held IN (0, 1)),
                        decided_by TEXT,
                        decided_at INTEGER,
                        created_at INTEGER NOT NULL
                        """),
                .sql("CREATE INDEX message_of_conversation ON message (conversation_id, seq)"),
                .sql("CREATE INDEX message_held ON message (property, seq) WHERE was_held = 1"),
                .table(
                    "task",
                    columns: """
                        id TEXT PRIMARY KEY,
                        property TEXT NOT NULL,
                        conversation_id TEXT REFERENCES conversation (id) ON DELETE SET NULL,
                        message_id TEXT REFERENCES message (id) ON DELETE SET NULL,
                        intent TEXT,
                        department TEXT NOT NULL,
                        room TEXT,
                        title TEXT NOT NULL,
                        description TEXT NOT NULL,
                        priority TEXT NOT NULL CHECK (priority IN ('low', 'standard', 'high', 'urgent')),
                        state TEXT NOT NULL CHECK (state IN ('open', 'claimed', 'in_progress', 'done', 'cancelled')),
                        assigned_to TEXT,
                        notes TEXT,
                        due_at INTEGER NOT NULL,
                        created_at INTEGER NOT NULL,
                        updated_at INTEGER NOT NULL,
                        completed_at INTEGER
                        """),
                .sql("CREATE INDEX task_open ON task (property, due_at) WHERE state NOT IN ('done', 'cancelled')"),
                // The history of conversations: what each change was, before and after.
                .table(
                    "conversation_change",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        property TEXT NOT NULL,
                        conversation_id TEXT NOT NULL,
                        change TEXT NOT NULL CHECK (change IN ('created', 'updated', 'deleted')),
                        before TEXT,
                        after TEXT,
                        at INTEGER NOT NULL
                        """),
                .sql("CREATE INDEX conversation_change_of ON conversation_change (conversation_id, seq)"),
                .table(
                    "knowledge",
                    columns: """
                        id TEXT PRIMARY KEY,
                        property TEXT NOT NULL,
                        entry TEXT NOT NULL,
                        file TEXT NOT NULL,
                        title TEXT NOT NULL,
                        category TEXT NOT NULL,
                        language TEXT NOT NULL,
                        text TEXT NOT NULL,
                        questions TEXT NOT NULL,
                        keywords TEXT NOT NULL,
                        hash TEXT NOT NULL,
                        embedding TEXT
                        """),
                .sql("CREATE INDEX knowledge_file ON knowledge (property, file)"),
                .fullText("knowledge_text", columns: ["title", "questions", "text", "keywords"]),
            ]),
        Migration(
            "butler-002-ai-usage",
            [
                .table(
                    "ai_usage",
                    columns: """
                        seq INTEGER PRIMARY KEY,
                        property TEXT NOT NULL,
                        instance TEXT NOT NULL,
                        model TEXT NOT NULL,
                        purpose TEXT NOT NULL,
                        conversation_id TEXT,
                        guest_id TEXT,
                        input_tokens INTEGER NOT NULL,
                        output_tokens INTEGER NOT NULL,
                        cache_read_tokens INTEGER NOT NULL,
                        cache_write_tokens INTEGER NOT NULL,
                        cost_micros INTEGER NOT NULL,
                        duration_ms INTEGER NOT NULL,
                        is_fallback INTEGER NOT NULL CHECK (is_fallback IN (0, 1)),
                        day TEXT NOT NULL,
                        at INTEGER NOT NULL
                        """),
                .sql("CREATE INDEX ai_usage_at ON ai_usage (property, at)"),
            ]),
        Migration(
            "butler-003-knowledge-by-id",
            [
                // Without it, the handful of pieces that a search found are looked for among all of the property's.
                .sql("CREATE UNIQUE INDEX knowledge_of ON knowledge (property, id)")
            ]),
        Migration(
            "butler-004-watch",
            [
                // Guests whose message awaits a human's words, and since when.
                .table(
                    "guest_wait",
                    columns: """
                        property TEXT NOT NULL,
                        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
                        message_id TEXT NOT NULL,
                        since INTEGER NOT NULL,
                        PRIMARY KEY (property, conversation_id)
                        """),
                .sql("CREATE INDEX conversation_escalated ON conversation (property) WHERE state = 'escalated'"),
                // The stay that a call was made for: what a guest may cost is counted by stay.
                .sql("ALTER TABLE ai_usage ADD COLUMN reservation TEXT"),
                .sql("CREATE INDEX ai_usage_conversation ON ai_usage (property, conversation_id) WHERE conversation_id IS NOT NULL"),
                .sql("CREATE INDEX ai_usage_reservation ON ai_usage (property, reservation) WHERE reservation IS NOT NULL"),
                .sql("CREATE INDEX ai_usage_day ON ai_usage (property, day)"),
            ]),
        acting,
        attachments,
        erasure,
        heldOrders,
        estimatedUsage,
        heldReplies,
    ]
}

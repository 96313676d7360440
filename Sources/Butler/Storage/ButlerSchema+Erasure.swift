import Kernel

extension ButlerSchema {
    /// Whatever names a row that is deleted is looked for: without these, a whole table is read for each message that goes.
    static let erasure = Migration(
        "butler-007-erasure",
        [
            .sql("CREATE INDEX task_conversation ON task (conversation_id)"),
            .sql("CREATE INDEX task_message ON task (message_id)"),
            .sql("CREATE INDEX conversation_guest ON conversation (guest_id)"),
        ])
}

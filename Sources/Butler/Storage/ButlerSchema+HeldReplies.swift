import Kernel

extension ButlerSchema {
    /// Each message asks what waits for approval in its conversation: without this, all that was ever said there is read for it.
    static let heldReplies = Migration(
        "butler-010-held-replies", [.sql("CREATE INDEX message_held_of ON message (conversation_id, seq) WHERE state = 'held'")])
}

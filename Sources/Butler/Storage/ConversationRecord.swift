import PluginAPI

extension Conversation {
    /// The conversation as the history keeps it and others are told of it: names as in the API, moments in ISO 8601. What is not known is left out.
    var record: JSONValue {
        var fields: [String: JSONValue] = [
            "id": .string(id), "channel": .string(instance), "peer": ["kind": .string(peer.kind.rawValue), "value": .string(peer.value)],
            "state": .string(state.rawValue), "state_since": .string(stateSince.iso8601), "opted_out": .bool(optedOut),
            "created_at": .string(createdAt.iso8601), "updated_at": .string(updatedAt.iso8601),
        ]
        for (name, value) in [
            ("guest_id", guestID), ("reservation", reservation), ("room", room), ("assigned_to", assignedTo), ("language", language),
            ("last_guest_at", lastGuestAt?.iso8601), ("last_reply_at", lastReplyAt?.iso8601),
        ] {
            if let value { fields[name] = .string(value) }
        }
        return .object(fields)
    }
}

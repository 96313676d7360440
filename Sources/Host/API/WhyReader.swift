import Butler
import Foundation
import Kernel
import OnCall
import PluginAPI

/// Tells why: of a guest's message or a reply, or of something of on call. Of a running Jack, and of the database that one left.
struct WhyReader: Sendable {
    private let property: String
    private let messages: MessageRepository
    private let story: OnCallStory

    init(_ loaded: Configurator.Loaded) {
        property = loaded.configuration.property.id
        messages = MessageRepository(property: property)
        let reader = loaded.planReader
        story = OnCallStory(OnCallHistory(property: property)) { version, archive in try? LoadedPlan.restore(version, archive, by: reader) }
    }

    /// What happened, in order; nothing where nothing is known of the id.
    func entries(of id: String, at now: Date, _ reader: any StorageReader) throws -> [Ledger.Entry] {
        let isArrival = try reader.row("SELECT 1 AS one FROM inbox WHERE id = :id", ["id": id.sql]) != nil
        let isMessage = try isArrival || messages.get(id, in: reader) != nil
        if isMessage { return try message(id, reader) }
        let told = try story.entries(of: id, at: now, reader)
        // The inbox forgets an event in time; the ledger does not.
        return told.isEmpty ? try Ledger.entries(of: id, property: property, in: reader) : told
    }

    /// Of a message alone.
    func message(_ id: String, _ reader: any StorageReader) throws -> [Ledger.Entry] {
        var subjects = [id]
        if let message = try messages.get(id, in: reader) {
            // A reply's story begins with the message that it answers, and a message's goes on with its replies.
            if let question = message.inReplyTo { subjects.insert(question, at: 0) }
            subjects += try messages.list(of: message.conversationID, limit: 200, in: reader).filter { $0.inReplyTo == id }.map(\.id)
        }
        return try subjects.flatMap { try Ledger.entries(of: $0, property: property, in: reader) }
    }
}

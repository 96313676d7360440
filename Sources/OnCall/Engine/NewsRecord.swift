import Foundation
import PluginAPI

/// What one contact was told lately of matters that it had been paged for, and what waits to be told it in one message.
struct NewsRecord: Sendable, Codable, Hashable {
    /// The last that is to be told of one matter.
    struct Item: Sendable, Codable, Hashable {
        /// ``PluginAPI/AlertPage/groupKey``.
        var matter: String
        var verb: PageOrder.Verb
        /// What happened, in words: `acknowledged by Bob`.
        var text: String
        var note: String?
        /// The code by which this contact knows the matter.
        var code: String
        var level: Int
        var receiver: String
        /// The worst alert, without what no message shows.
        var alert: Alert
        /// How many others the matter has.
        var more: Int

        /// By what a person tells it from the others in a message: `LiftStuck #481516`.
        var name: String {
            let name = alert.name.isEmpty ? alert.summary : alert.name
            let short = name.count > 30 ? String(name.prefix(29)) + "…" : name
            return code.isEmpty ? short : "\(short) #\(code)"
        }

        var isAcknowledgement: Bool { verb == .update && text.hasPrefix("acknowledged") }
    }

    var contact: Contact
    var person: String?
    /// When news left last.
    var sent: Date
    /// Numbers the messages.
    var number = 0
    /// In the order in which it happened; each matter once.
    var waiting: [Item] = []
    /// When it is told; nil where nothing waits.
    var due: Date?
}

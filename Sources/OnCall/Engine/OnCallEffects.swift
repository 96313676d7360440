import Foundation
import Kernel
import PluginAPI

/// What is to be done about what happened: orders to sinks, lines of the ledger, rows to write.
public struct OnCallEffects: Sendable {
    /// An order and the instance by which it leaves.
    public struct Placed: Sendable, Hashable {
        public var instance: String
        public var order: PageOrder
        /// Whom it reaches, in words: ``Contact/label``.
        public var contact: String
        public var person: String?
        public var at: Date
    }

    public struct Line: Sendable, Hashable {
        public var subject: String
        public var entry: Ledger.Entry
    }

    /// What is counted, by outcome and reason.
    public struct Tally: Sendable, Hashable {
        public var receiver: String
        public var outcome: String
        public var reason: String
    }

    public var orders: [Placed] = []
    public var lines: [Line] = []
    public var tallies: [Tally: Int] = [:]
    /// What happened in drills.
    var drills: [DrillEvent] = []
    /// What differs from what is stored. An id that the core no longer has is a row to delete.
    var alerts: Set<UInt64> = []
    var groups: Set<UInt64> = []
    var silences: Set<String> = []
    var people: Set<String> = []
    var news: Set<String> = []
    var routes: Set<Int> = []
    /// Occurrences of alerts that are over: history takes them.
    var past: [PastAlert] = []
    var pastSilences: [Silence] = []
    /// Pages that left past the outbox, and are not written down.
    var unwritten: [PastPage] = []

    public var isEmpty: Bool {
        orders.isEmpty && lines.isEmpty && alerts.isEmpty && groups.isEmpty && silences.isEmpty && people.isEmpty && news.isEmpty && routes.isEmpty
            && tallies.isEmpty && drills.isEmpty && past.isEmpty && pastSilences.isEmpty && unwritten.isEmpty
    }

    /// Adds what happened later.
    mutating func add(_ later: OnCallEffects) {
        orders += later.orders
        lines += later.lines
        tallies.merge(later.tallies, uniquingKeysWith: +)
        drills += later.drills
        alerts.formUnion(later.alerts)
        groups.formUnion(later.groups)
        silences.formUnion(later.silences)
        people.formUnion(later.people)
        news.formUnion(later.news)
        routes.formUnion(later.routes)
        past += later.past
        pastSilences += later.pastSilences
        unwritten += later.unwritten
    }
}

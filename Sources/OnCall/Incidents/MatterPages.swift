import Foundation
import Kernel
import PluginAPI

/// Who was paged for one matter, and how long each took: out of the ledger.
struct MatterPages: Sendable, Hashable {
    /// Pages of one way to one person.
    struct Person: Sendable, Hashable {
        /// `phone of Ana Sousa`.
        var way: String
        var firstAt: Date
        var count = 1
    }

    var matter: String
    var people: [Person] = []
    var acknowledgedBy: String?
    var acknowledgedAt: Date?
    var endedAt: Date?

    init(_ matter: String, _ entries: [Ledger.Entry]) {
        self.matter = matter
        for entry in entries {
            switch (entry.step, entry.outcome) {
            case ("page", "paged"), ("page", "fallback"):
                let way = Self.head(entry.reason, before: ": ")
                if let index = people.firstIndex(where: { $0.way == way }) {
                    people[index].count += 1
                } else {
                    people.append(Person(way: way, firstAt: entry.at))
                }
            case ("page", "resolved"): endedAt = entry.at
            case ("answer", "acknowledged") where acknowledgedAt == nil:
                acknowledgedAt = entry.at
                acknowledgedBy = Self.answerer(entry.reason)
            default: break
            }
        }
    }

    /// What stands before a mark; all of it where there is none.
    static func head(_ text: String, before mark: String) -> String {
        text.range(of: mark).map { String(text[..<$0.lowerBound]) } ?? text
    }

    /// `acknowledge by Ana (sms|+351…), through sms: acknowledged` → `Ana`.
    static func answerer(_ reason: String) -> String? {
        guard let start = reason.range(of: " by ") else { return nil }
        let rest = reason[start.upperBound...]
        return PublicText.clean(String(rest[..<(rest.firstIndex { $0 == "(" || $0 == "," } ?? rest.endIndex)]).trimmingCharacters(in: .whitespaces))
    }
}

extension IncidentEvent {
    /// What the ledger says of a matter, as far as it is a page, an answer or an end.
    init?(_ entry: Ledger.Entry) {
        switch (entry.step, entry.outcome) {
        case ("page", "paged"), ("page", "bundled"), ("page", "fallback"):
            self.init("paged", at: entry.at, by: "Jack", "\(entry.outcome): \(PublicText.clean(MatterPages.head(entry.reason, before: ": ")))")
        case ("page", "nobody"): self.init("paged", at: entry.at, by: "Jack", "nobody could be paged")
        case ("page", "resolved"): self.init("over", at: entry.at, by: "Jack", PublicText.clean("the alerts are over: \(entry.reason)"))
        case ("answer", "acknowledged"), ("answer", "resolved"), ("answer", "escalated"):
            self.init("answer", at: entry.at, by: MatterPages.answerer(entry.reason) ?? "somebody", "\(entry.outcome) a page")
        default: return nil
        }
    }
}

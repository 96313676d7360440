import Foundation
import PluginAPI

extension ContractRun {
    /// Texts that have broken programs.
    static var uglyTexts: [String] {
        [
            "Zimmer 204: „frische Handtücher“, bitte – danke & <b>Grüße</b>", "部屋を掃除してください。ありがとう", "نريد منشفتين من فضلك", "👩‍👩‍👧‍👦 🇨🇭 e\u{301} ﷽",
            "line one\nline two\r\nline three\ttab", #"quotes " ' ` back\slash {"json": [1]} %41 + &amp; ${HOME} {{x}}"#,
            "\u{202E}gnirts a\u{202C}\u{200B}",
        ]
    }

    /// Many calls at once, and texts of every script.
    func checkCalls() async {
        await examine(.concurrency) {
            try await running { room in
                for operation in operations {
                    let mark = stage?.count ?? 0
                    let calls = (0..<24).map { _ in
                        var call = call()
                        call.text += " call-\(call.number)-end"
                        return call
                    }
                    let found = await withTaskGroup(of: Outcome.self) { group in
                        for call in calls { group.addTask { await self.outcome(operation, room, call) } }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    if let bad = found.first(where: { $0.kind != .success && !$0.isUntyped }) {
                        violate(.concurrency, "24 calls of \(operation.name) at once, and one came to \(bad.words)")
                    }
                    guard let stage, operation.carriesText else { continue }
                    let texts = stage.requests(since: mark).map { stage.vendor.texts($0).joined(separator: "\n") }
                    // An operation whose words go another way, such as a call that fetches them by a webhook, is not judged by them.
                    guard texts.contains(where: { text in calls.contains { text.contains("call-\($0.number)-end") } }) else { continue }
                    for call in calls {
                        let count = texts.count { $0.contains("call-\(call.number)-end") }
                        expect(
                            count == 1, .concurrency, "of 24 calls of \(operation.name) at once, the text of one reached the vendor \(count) times")
                    }
                }
            }
        }
        guard operations.contains(where: \.carriesText) else { return }
        await examine(.unicode) {
            try await running { room in
                for operation in operations where operation.carriesText {
                    for text in Self.uglyTexts {
                        let mark = stage?.count ?? 0
                        let found = await outcome(operation, room, call(text))
                        expect(found.kind == .success || found.isUntyped, .unicode, "\(operation.name) of “\(text)” came to \(found.words)")
                        guard let stage, found.kind == .success, stage.count > mark else { continue }
                        let arrived = stage.requests(since: mark).contains { stage.vendor.texts($0).contains { $0.contains(text) } }
                        expect(arrived, .unicode, "\(operation.name) of “\(text)”: the vendor got another text")
                    }
                }
            }
        }
    }
}

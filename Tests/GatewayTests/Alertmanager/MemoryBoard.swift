import Foundation
import OnCall
import Synchronization

/// An ``AlertBoard`` in memory: what the gateway speaks to while nobody routes.
final class MemoryBoard: AlertBoard {
    struct State {
        var alerts: [String: AlertView] = [:]
        var silences: [Silence] = []
        var taken: [PostedAlert] = []
        var failure: (any Error)?
        var nextID = 1
    }

    let state = Mutex(State())
    let now: @Sendable () -> Date

    init(now: @escaping @Sendable () -> Date = { Date() }) { self.now = now }

    let receivers = ["front-desk", "duty-manager"]
    let configurationText = "route:\n  receiver: front-desk\nreceivers:\n- name: front-desk\n- name: duty-manager\n"
    let startedAt = Date(timeIntervalSince1970: 1_800_000_000.25)

    var taken: [PostedAlert] { state.withLock { $0.taken } }

    @discardableResult
    func take(_ alerts: [PostedAlert]) async throws -> [AlertRefusal] {
        let now = now(), (fitted, refusals) = OnCallLimits().fit(alerts)
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.taken += fitted.map(\.alert)
            for (_, alert) in fitted {
                let key = alert.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
                let digits = String(UInt64(bitPattern: Int64(Self.hash(key))), radix: 16)
                let fingerprint = String(repeating: "0", count: 16 - digits.count) + digits
                if let endsAt = alert.endsAt, endsAt <= now {
                    state.alerts[fingerprint] = nil
                    continue
                }
                state.alerts[fingerprint] = AlertView(
                    fingerprint: fingerprint, labels: alert.labels, annotations: alert.annotations, startsAt: alert.startsAt ?? now,
                    endsAt: alert.endsAt ?? now.addingTimeInterval(300), updatedAt: now, generatorURL: alert.generatorURL ?? "",
                    receivers: ["front-desk"], state: .active)
            }
        }
        return refusals
    }

    func alerts(matching matchers: [LabelMatcher]) async throws -> [AlertView] {
        let now = now()
        return try state.withLock { state in
            if let failure = state.failure { throw failure }
            return state.alerts.values.filter { alert in matchers.allSatisfy { $0.matches(alert.labels) } }.map { alert in
                let silencing = state.silences.filter { silence in
                    silence.state(at: now) == .active && silence.matchers.allSatisfy { $0.matches(alert.labels) }
                }
                var shown = alert
                shown.silencedBy = silencing.map(\.id)
                shown.state = silencing.isEmpty ? .active : .suppressed
                return shown
            }
        }
    }

    func groups(matching matchers: [LabelMatcher]) async throws -> [AlertGroupView] {
        let alerts = try await alerts(matching: matchers)
        return Dictionary(grouping: alerts) { $0.labels["alertname"] ?? "" }
            .map { AlertGroupView(labels: ["alertname": $0.key], receiver: "front-desk", alerts: $0.value) }
    }

    func set(_ silence: Silence) async throws -> String {
        let now = now()
        return try state.withLock { state in
            if !silence.id.isEmpty, !state.silences.contains(where: { $0.id == silence.id }) { throw OnCallError(.notFound, "silence not found") }
            state.silences.removeAll { $0.id == silence.id }
            var kept = silence
            if kept.id.isEmpty {
                kept.id = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - "\(state.nextID)".count) + "\(state.nextID)"
                state.nextID += 1
            }
            kept.updatedAt = now
            state.silences.append(kept)
            return kept.id
        }
    }

    func expireSilence(_ id: String) async throws {
        let now = now()
        try state.withLock { state in
            guard let index = state.silences.firstIndex(where: { $0.id == id }) else { throw OnCallError(.notFound, "silence not found") }
            state.silences[index].endsAt = now
        }
    }

    func silences(matching matchers: [LabelMatcher]) async throws -> [Silence] { state.withLock { $0.silences } }

    private static func hash(_ text: String) -> Int {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: value)
    }
}

/// Heartbeats in memory.
struct MemoryHeartbeats: HeartbeatKeeping {
    func beat(_ name: String) async throws -> HeartbeatView {
        guard name == "backup" else { throw OnCallError(.notFound, "there is no heartbeat “\(name)”; did you mean “backup”?") }
        return HeartbeatView(name: name, state: .alive, interval: .seconds(3600), lastSeenAt: Date(timeIntervalSince1970: 1_800_000_000), dueAt: nil)
    }

    func heartbeats() async throws -> [HeartbeatView] {
        [HeartbeatView(name: "backup", state: .waiting, interval: .seconds(3600), lastSeenAt: nil, dueAt: nil)]
    }
}

import Crypto
import Foundation

/// How fast signed webhooks become durable, against the same server's bare POST with HMAC.
struct IntakeBenchmark {
    var seconds = 5.0
    var connections = 64
    var rounds = 3

    private let secret = "bench-secret-bench-secret-bench-secret"

    func run() async throws -> Table {
        var table = Table(
            name: "intake",
            method: """
                \(connections) connections kept open, one request at a time on each; bodies of \(SignedMessage.body(number: 0, guest: 0).count) bytes, each signed and with \
                an id of its own; client in the same process on a thread of its own; \(rounds) rounds of \(Measure.plain(seconds)) s for each route in turn, middle of \
                the rounds. Access log on, as delivered. A webhook goes through the WhatsApp plugin: it is verified, parsed, stored (SQLite, WAL, synchronous=FULL) and only then answered; meanwhile a worker reads \
                the inbox and completes each row in a transaction of its own; before the bare route's turn it has caught up.
                """)
        let worked = try await measure(consuming: true)
        let parked = try await measure(consuming: false)
        table.measures = [
            Measure("bare POST + HMAC", median(worked.bare), "requests/s"),
            Measure("webhook, durable, worker on", median(worked.intake), "messages/s"),
            Measure("share of the bare route", median(zip(worked.intake, worked.bare).map { $0 / $1 }), "", goal: .atLeast(0.6)),
            Measure("p50", worked.times.milliseconds(at: 0.5), "ms"),
            Measure("p99", worked.times.milliseconds(at: 0.99), "ms", goal: .below(10)),
            Measure("acknowledged", Double(worked.acknowledged), "messages"),
            Measure("rows less acknowledgements", Double(worked.rows - worked.acknowledged), "rows", goal: .exactly(0)),
            Measure("sent again: new rows", Double(worked.again), "rows", goal: .exactly(0)),
            Measure("not taken", Double(worked.refused), "requests", goal: .exactly(0)),
            Measure("waiting when the load ended", median(worked.backlog), "rows"),
            Measure("webhook, worker parked", median(parked.intake), "messages/s"),
            Measure("share of the bare route, worker parked", median(zip(parked.intake, parked.bare).map { $0 / $1 }), ""),
            Measure("p99, worker parked", parked.times.milliseconds(at: 0.99), "ms"),
        ]
        return table
    }

    private struct Found {
        var bare: [Double] = []
        var intake: [Double] = []
        var times = Times()
        var backlog: [Double] = []
        var acknowledged = 0
        var refused = 0
        var rows = 0
        /// Rows that came of messages sent a second time.
        var again = 0
    }

    private func measure(consuming: Bool) async throws -> Found {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let house = try await IntakeHouse(folder: folder.path, secret: secret, consuming: consuming)
        do {
            let found = try await measure(house, consuming: consuming)
            await house.stop()
            return found
        } catch {
            await house.stop()
            throw error
        }
    }

    private func measure(_ house: IntakeHouse, consuming: Bool) async throws -> Found {
        var found = Found(), number = 0
        let key = SymmetricKey(data: Array(secret.utf8))
        func load(_ path: String, seconds: Double) async throws -> Load.Outcome {
            let outcome = try await Load(port: house.port, connections: connections, duration: Int64(seconds * 1e9), firstNumber: number) {
                SignedMessage.request($0, to: path, key: key)
            }.run()
            number += outcome.sent * connections
            return outcome
        }
        // Everything once before it counts.
        _ = try await load(IntakeHouse.barePath, seconds: min(1, seconds))
        let firstStored = number
        let first = try await load(IntakeHouse.webhookPath, seconds: min(1, seconds))
        found.acknowledged += first.acknowledged
        for _ in 0..<rounds {
            if consuming { try await settle(house) }
            let bare = try await load(IntakeHouse.barePath, seconds: seconds)
            let intake = try await load(IntakeHouse.webhookPath, seconds: seconds)
            if consuming { found.backlog.append(Double(try await house.rows().pending)) }
            found.bare.append(bare.rate)
            found.intake.append(intake.rate)
            found.times.add(intake.times)
            found.acknowledged += intake.acknowledged
            found.refused += intake.refused + bare.refused
        }
        if consuming { try await settle(house) }
        found.rows = try await house.rows().all
        // The first messages once more: they are acknowledged, and change nothing.
        let again = try await Load(
            port: house.port, connections: connections, duration: 10_000_000_000, firstNumber: firstStored, requestsPerConnection: 3
        ) {
            SignedMessage.request($0, to: IntakeHouse.webhookPath, key: key)
        }.run()
        found.refused += again.refused
        found.again = try await house.rows().all - found.rows
        return found
    }

    private func settle(_ house: IntakeHouse) async throws {
        let begun = Stopwatch.now
        while try await house.rows().pending > 0 {
            guard Stopwatch.now - begun < 120_000_000_000 else { throw BenchError("the worker did not catch up within two minutes") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

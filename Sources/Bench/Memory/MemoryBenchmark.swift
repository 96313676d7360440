import Foundation

/// What a running Jack weighs, and how soon it is there.
struct MemoryBenchmark {
    var connections = 1_000
    var starts = 7
    var jack: JackOptions

    /// Every plugin that comes with Jack runs: the one that the sample configuration leaves out is added.
    static let settings = [
        "alerts.webhook.settings.url=https://alerts.example.com/jack", "alerts.webhook.settings.secret=0123456789abcdef0123456789abcdef",
    ]

    func run() async throws -> Table {
        var table = Table(
            name: "memory",
            method: """
                A jack serve of its own with the sample hotel and every built-in plugin. Resident sizes are VmRSS of /proc, the program's mapped file included, the middle of ten \
                readings within five seconds; “after answers” follows 200 answered messages of 4 guests; sockets have said hello and are silent. Start to ready: from making the process to \
                its line “Jack is ready”, the middle of \(starts) starts on an existing database.
                """)
        try Self.raiseDescriptorLimit(to: connections + 200)
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // The first start makes the database and the secrets, and indexes the knowledge.
        var process = try await JackProcess(jack, folder: folder.path, settings: Self.settings + ChatBenchmark.settings)
        let firstStart = process.readyAfter
        try await Task.sleep(for: .seconds(2))
        await process.stop()
        var times: [Double] = []
        for number in 0..<max(1, starts) {
            process = try await JackProcess(jack, folder: folder.path, settings: Self.settings + ChatBenchmark.settings)
            times.append(process.readyAfter)
            if number < starts - 1 { await process.stop() }
        }
        do {
            table.measures = [
                Measure("start to ready", median(times) / 1000, "s", goal: .below(0.3)),
                Measure("start to ready, slowest", (times.max() ?? .nan) / 1000, "s"),
                Measure("first start, database made", firstStart / 1000, "s"),
            ]
            try await measure(process, &table)
            await process.stop()
        } catch {
            await process.stop()
            throw error
        }
        return table
    }

    private func measure(_ process: JackProcess, _ table: inout Table) async throws {
        try await Task.sleep(for: .seconds(3))
        let idle = try await Self.reading(process)
        _ = try await ChatLoad(port: process.port, connections: 4, duration: 3_000_000_000, questions: ChatBenchmark.questions).run()
        try await Task.sleep(for: .seconds(3))
        let warm = try await Self.reading(process)
        let crowd = try await Crowd.open(ChatLoad(port: process.port, connections: connections, duration: 0, questions: ChatBenchmark.questions))
        try await Task.sleep(for: .seconds(3))
        let crowded = try await Self.reading(process)
        try await crowd.close()
        table.measures += [
            Measure("idle", idle.resident, "MB", goal: .below(60)), Measure("idle: own memory", idle.anonymous, "MB"),
            Measure("idle: of files", idle.file, "MB"),
            Measure("idle: threads", Double(idle.threads), ""), Measure("after answers", warm.resident, "MB", goal: .below(60)),
            Measure("with \(Measure.plain(Double(connections))) chat sockets", crowded.resident, "MB"),
            Measure("for the sockets", crowded.resident - warm.resident, "MB", goal: .below(10)),
        ]
    }

    private static func reading(_ process: JackProcess) async throws -> (resident: Double, anonymous: Double, file: Double, threads: Int) {
        var all: [(resident: Int, anonymous: Int, file: Int, threads: Int)] = []
        for _ in 0..<10 {
            all.append(try process.memory())
            try await Task.sleep(for: .milliseconds(500))
        }
        func megabytes(_ part: (_ reading: (resident: Int, anonymous: Int, file: Int, threads: Int)) -> Int) -> Double {
            (median(all.map { Double(part($0)) }) * 1024 / 1e6 * 10).rounded() / 10
        }
        return (megabytes(\.resident), megabytes(\.anonymous), megabytes(\.file), all.last?.threads ?? 0)
    }

    private static func raiseDescriptorLimit(to wanted: Int) throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_max >= wanted else { throw BenchError("the system allows only \(limit.rlim_max) open files") }
        limit.rlim_cur = max(limit.rlim_cur, rlim_t(wanted))
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

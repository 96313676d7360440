import Foundation
import OnCall
import PluginAPI

/// What Jack reckons by itself: where alerts go, a night, a year's coverage.
struct PlanBenchmark {
    var alerts = 100_000

    func run() throws -> Table {
        let begun = Stopwatch.now
        let plan = try BenchPlan.read(BenchPlan.largeHouse)
        let reading = Double(Stopwatch.now - begun) / 1e6
        let routing = try routing(plan), night = try night(plan), coverage = try coverage(BenchPlan.read(BenchPlan.manyRoutes))
        return Table(
            name: "plan",
            method: """
                A plan of \(BenchPlan.people) people, \(BenchPlan.people / 2) schedules, \(BenchPlan.routes) routes and as many policies. A decision finds the receivers of an alert's five labels and how it is \
                grouped. The night: \(Measure.plain(Double(alerts))) alerts, each new, over eight hours from 22:00 in 5,000 groups, each over after half an hour, in virtual time: routing, grouping, levels, rotations, \
                quiet hours, limits of pages to a person, without storage and sinks. Coverage: every minute of a year, \(BenchPlan.routes) routes that take every severity, half of them with times in which they are \
                muted or not active, in as many time intervals, and emergencies.
                """,
            measures: [
                Measure("reading the plan", reading, "ms"),
                Measure("routing decisions", routing, "a second"),
                Measure("a night", night.seconds, "s", goal: .below(5)),
                Measure("a night: pages", Double(night.pages), "pages"),
                Measure("a year's coverage", coverage.seconds, "s", goal: .below(2)),
                Measure("a year's coverage: routes", Double(coverage.routes), "routes"),
                Measure("a year's coverage: proofs", Double(coverage.proofs), "proofs"),
                Measure("a year's coverage: pieces compared", Double(coverage.pieces), "pieces"),
            ])
    }

    private static func labels(_ number: Int) -> [String: String] {
        [
            "alertname": "Bench\(number % 100)", "team": "t\(number % 50)", "severity": BenchPlan.severities[number / 50 % 4],
            "instance": "i\(number)", "building": "b\(number % 7)",
        ]
    }

    private func routing(_ plan: OnCallPlan) throws -> Double {
        let all = (0..<10_000).map(Self.labels)
        let begun = Stopwatch.now
        var found = 0, rounds = 0
        while Stopwatch.now - begun < 2_000_000_000 {
            for labels in all { found += plan.routes(for: labels).count }
            rounds += 1
        }
        let seconds = Double(Stopwatch.now - begun) / 1e9
        guard found >= rounds * all.count else { throw BenchError("an alert went nowhere") }
        return Double(rounds * all.count) / seconds
    }

    private func night(_ plan: OnCallPlan) throws -> (seconds: Double, pages: Int) {
        var core = OnCallCore(plan: plan)
        // 22:00 in Lisbon, in winter.
        let begin = Date(timeIntervalSince1970: 1_767_736_800)
        var posted: [(at: TimeInterval, alert: Int, ends: Bool)] = []
        for number in 0..<alerts {
            let at = 28_800 * Double(number) / Double(alerts)
            posted.append((at, number, false))
            posted.append((at + 1_800, number, true))
        }
        posted.sort { ($0.at, $0.alert) < ($1.at, $1.alert) }
        let begun = Stopwatch.now
        var pages = 0
        func settle(_ core: inout OnCallCore, until moment: Date) {
            while let due = core.nextDue, due <= moment {
                core.advance(to: due)
                pages += core.drain().orders.count
            }
        }
        for event in posted {
            let now = begin.addingTimeInterval(event.at)
            settle(&core, until: now)
            let group = event.alert % 5_000
            var labels = Self.labels(group)
            labels["alertname"] = "Bench\(group / 200)"
            labels["instance"] = "i\(event.alert)"
            core.take(
                [
                    PostedAlert(
                        labels: labels, startsAt: event.ends ? nil : now, endsAt: event.ends ? now : now.addingTimeInterval(86_400))
                ], at: now)
            core.advance(to: now)
            pages += core.drain().orders.count
        }
        settle(&core, until: begin.addingTimeInterval(36_000))
        return (Double(Stopwatch.now - begun) / 1e9, pages)
    }

    private func coverage(_ plan: OnCallPlan) -> (seconds: Double, pieces: Int, routes: Int, proofs: Int) {
        let from = Date(timeIntervalSince1970: 1_767_225_600)
        let begun = Stopwatch.now
        let coverage = plan.coverage(from: from, to: from.addingTimeInterval(365 * 86_400))
        return (Double(Stopwatch.now - begun) / 1e9, coverage.pieces, coverage.routes, coverage.proofs)
    }
}

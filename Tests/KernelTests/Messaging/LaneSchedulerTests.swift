import PluginAPI
import PluginTestKit
import Testing

@testable import Kernel

/// A table in memory, worked through by lanes.
@Suite(.timeLimit(.minutes(1))) struct LaneSchedulerTests {
    private struct Row: Sendable, Hashable {
        var seq: Int64
        var lane: String
    }

    private final class Table: Sendable {
        let rows: Mutexed<[Row]>
        let done = Mutexed<[Row]>([])
        init(_ rows: [Row]) { self.rows = Mutexed(rows) }
        func fetch(_ after: Int64, _ limit: Int) -> [Row] { Array(rows.value.filter { $0.seq > after }.prefix(limit)) }
        func fetch(_ lane: String, _ after: Int64, _ through: Int64, _ limit: Int) -> [Row] {
            Array(rows.value.filter { $0.lane == lane && $0.seq > after && $0.seq <= through }.prefix(limit))
        }
    }

    private let clock = VirtualClock()

    private func scheduler(
        _ table: Table, concurrency: @escaping @autoclosure @Sendable () -> Int = 8, window: Int = 2000, laneWindow: Int = 20, batch: Int = 200,
        handle: @escaping @Sendable (Row) async -> LaneScheduler<Row>.Outcome
    ) -> LaneScheduler<Row> {
        LaneScheduler(
            concurrency: concurrency, window: window, laneWindow: laneWindow, batch: batch, clock: clock,
            work: .init(
                fetch: { table.fetch($0, $1) }, fetchLane: { table.fetch($0, $1, $2, $3) }, cursor: \.seq, lane: \.lane,
                handle: { row in
                    let outcome = await handle(row)
                    if case .done = outcome { table.done.update { $0.append(row) } }
                    return outcome
                }, fetchFailed: { _ in }))
    }

    private func running(_ scheduler: LaneScheduler<Row>, _ body: () async throws -> Void) async rethrows {
        let task = Task { await scheduler.run() }
        try await body()
        task.cancel()
        await task.value
    }

    @Test func aLaneIsWorkedInItsOrderOneAtATime() async {
        let table = Table((1...70).map { Row(seq: $0, lane: "l\($0 % 7)") })
        let busy = Mutexed<Set<String>>([]), overlaps = Mutexed(0)
        let scheduler = scheduler(table, batch: 20) { row in
            if !busy.update({ $0.insert(row.lane).inserted }) { overlaps.update { $0 += 1 } }
            await Task.yield()
            busy.update { _ = $0.remove(row.lane) }
            return .done
        }
        await running(scheduler) { #expect(await eventually(within: .seconds(40)) { table.done.value.count == 70 }) }
        #expect(overlaps.value == 0 && scheduler.depth == 0)
        for lane in 0..<7 { #expect(table.done.value.filter { $0.lane == "l\(lane)" }.map(\.seq) == (1...70).filter { $0 % 7 == lane }) }
    }

    @Test func lanesRunBesideEachOtherAsFarAsTheyMay() async {
        let table = Table((1...6).map { Row(seq: $0, lane: "l\($0)") })
        let doors = Door(), inside = Mutexed(0)
        let scheduler = scheduler(table, concurrency: 4) { _ in
            inside.update { $0 += 1 }
            await doors.pass()
            return .done
        }
        await running(scheduler) {
            #expect(await eventually { inside.value == 4 })
            for _ in 0..<20 { await Task.yield() }
            #expect(inside.value == 4)
            doors.open()
            #expect(await eventually { table.done.value.count == 6 })
        }
    }

    @Test func anotherNumberHoldsFromTheNextRow() async {
        let table = Table((1...40).map { Row(seq: $0, lane: "l\($0)") })
        let doors = Door(), inside = Mutexed(0), allowed = Mutexed(2)
        let scheduler = scheduler(table, concurrency: allowed.value) { row in
            inside.update { $0 += 1 }
            if row.seq > 1 { await doors.pass() }
            return .done
        }
        await running(scheduler) {
            #expect(await eventually { inside.value == 3 })
            for _ in 0..<20 { await Task.yield() }
            #expect(inside.value == 3, "one is done, and two are in")
            allowed.update { $0 = 6 }
            table.rows.update { $0.append(Row(seq: 41, lane: "new")) }
            scheduler.wake()
            #expect(await eventually { inside.value == 7 })
            for _ in 0..<20 { await Task.yield() }
            #expect(inside.value == 7)
            doors.open()
            #expect(await eventually { table.done.value.count == 41 })
        }
    }

    @Test func aBacklogOfAnySizeCostsOneWindow() async {
        let table = Table((1...1000).map { Row(seq: $0, lane: "l\($0 % 50)") })
        let most = Mutexed(0), door = Door()
        let box = Mutexed<LaneScheduler<Row>?>(nil)
        let scheduler = scheduler(table, concurrency: 1, window: 40, batch: 10) { _ in
            await door.pass()
            most.update { [depth = box.value?.depth ?? 0] in $0 = max($0, depth) }
            return .done
        }
        box.update { $0 = scheduler }
        await running(scheduler) {
            #expect(await eventually { scheduler.depth > 30 })
            for _ in 0..<50 { await Task.yield() }
            #expect(scheduler.depth <= 40)
            door.open()
            #expect(await eventually { table.done.value.count == 1000 })
        }
        #expect(most.value <= 40 && most.value > 20)
        box.update { $0 = nil }
    }

    @Test func oneLaneWithThousandsHidesNoOther() async {
        let table = Table((1...3000).map { Row(seq: $0, lane: "flood") } + [Row(seq: 3001, lane: "fire")]), door = Door()
        let scheduler = scheduler(table, window: 200, batch: 50) { row in
            if row.lane == "flood" { await door.pass() }
            return .done
        }
        await running(scheduler) {
            #expect(await eventually { table.done.value.map(\.lane) == ["fire"] })
            #expect(scheduler.depth <= 22)
            // What comes to a lane while it is behind waits behind what it has.
            table.rows.update { $0 += (3002...3100).map { Row(seq: $0, lane: $0 % 2 == 0 ? "flood" : "other") } }
            scheduler.wake()
            #expect(await eventually { table.done.value.count { $0.lane == "other" } == 49 })
            door.open()
            #expect(await eventually(within: .seconds(40)) { table.done.value.count == 3100 })
            #expect(scheduler.depth == 0)
            table.rows.update { $0.append(Row(seq: 3101, lane: "flood")) }
            scheduler.wake()
            #expect(await eventually { table.done.value.count == 3101 })
        }
        let flood = table.done.value.filter { $0.lane == "flood" }.map(\.seq)
        #expect(flood == flood.sorted() && Set(flood).count == flood.count)
    }

    @Test func aRowThatMustWaitHoldsOnlyItsLane() async {
        let table = Table([Row(seq: 1, lane: "sick"), Row(seq: 2, lane: "sick"), Row(seq: 3, lane: "well"), Row(seq: 4, lane: "well")])
        let tries = Mutexed(0)
        let scheduler = scheduler(table, concurrency: 1) { row in
            guard row.seq == 1 else { return .done }
            return tries.update {
                $0 += 1; return $0
            } < 3 ? .again(after: .seconds(10)) : .done
        }
        await running(scheduler) {
            #expect(await eventually { table.done.value.map(\.seq) == [3, 4] }, "also with one place in all: who waits holds none")
            #expect(await clock.waitForSleepers(1))
            await clock.advance(by: .seconds(10))
            #expect(await clock.waitForSleepers(1))
            #expect(tries.value == 2 && table.done.value.count == 2)
            await clock.advance(by: .seconds(10))
            #expect(await eventually { table.done.value.map(\.seq) == [3, 4, 1, 2] })
        }
    }

    @Test func newRowsAreSeenWhenItIsWoken() async {
        let table = Table([])
        let scheduler = scheduler(table) { _ in .done }
        await running(scheduler) {
            for seq in 1...20 {
                table.rows.update { $0.append(Row(seq: Int64(seq), lane: "a")) }
                scheduler.wake()
                #expect(await eventually { table.done.value.count == seq })
            }
        }
    }

    @Test func rowsThatCannotBeReadAreReadLater() async {
        struct Broken: Error {}
        let table = Table([Row(seq: 1, lane: "a")]), isBroken = Mutexed(true), failures = Mutexed(0)
        let scheduler = LaneScheduler<Row>(
            concurrency: { 1 }, clock: clock,
            work: .init(
                fetch: { after, limit in
                    if isBroken.value { throw Broken() }
                    return table.fetch(after, limit)
                }, fetchLane: { table.fetch($0, $1, $2, $3) }, cursor: \.seq, lane: \.lane,
                handle: { row in
                    table.done.update { $0.append(row) }
                    return .done
                }, fetchFailed: { _ in failures.update { $0 += 1 } }))
        await running(scheduler) {
            #expect(await clock.waitForSleepers(1))
            isBroken.update { $0 = false }
            await clock.advance(by: .seconds(1))
            #expect(await eventually { table.done.value.count == 1 })
        }
        #expect(failures.value == 1)
    }

    @Test func aStopFinishesWhatIsUnderWayAndBeginsNothing() async {
        let table = Table((1...3).map { Row(seq: $0, lane: "a") } + [Row(seq: 4, lane: "waits")])
        let door = Door(), wasCancelled = Mutexed(false), begun = Mutexed<[Int64]>([])
        let scheduler = scheduler(table) { row in
            begun.update { $0.append(row.seq) }
            if row.lane == "waits" { return .again(after: .seconds(3600)) }
            await door.pass()
            wasCancelled.update { $0 = Task.isCancelled }
            return .done
        }
        let task = Task { await scheduler.run() }
        #expect(await eventually { begun.value.count == 2 && clock.sleepers == 1 })
        task.cancel()
        #expect(await eventually { clock.sleepers == 1 && clock.untilNextSleeper == .seconds(10) }, "the lane that waited is let go; the grace runs")
        door.open()
        await task.value
        #expect(table.done.value.map(\.seq) == [1] && !wasCancelled.value)
        #expect(Set(begun.value) == [1, 4])
        #expect(await eventually { clock.sleepers == 0 })
    }

    @Test func whatDoesNotFinishInTheGraceIsCancelled() async {
        let table = Table([Row(seq: 1, lane: "a")]), clock = clock, begun = Mutexed(false)
        let scheduler = scheduler(table) { _ in
            begun.update { $0 = true }
            try? await clock.sleep(for: .seconds(3600))
            return .again(after: .zero)
        }
        let task = Task { await scheduler.run() }
        #expect(await eventually { begun.value && clock.sleepers == 1 })
        task.cancel()
        #expect(await clock.waitForSleepers(2))
        await clock.advance(by: .seconds(10))
        await task.value
        #expect(table.done.value.isEmpty)
    }

    @Test func itCanBeRunAgain() async {
        let table = Table([Row(seq: 1, lane: "a")])
        let scheduler = scheduler(table) { _ in .done }
        await running(scheduler) { #expect(await eventually { table.done.value.count == 1 }) }
        table.rows.update { $0 = [Row(seq: 2, lane: "a")] }
        await running(scheduler) { #expect(await eventually { table.done.value.count == 2 }) }
    }
}

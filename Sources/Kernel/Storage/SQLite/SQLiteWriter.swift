import GRDB
import Synchronization

/// The one writer. Callers queue; what waits is run together, each in a savepoint of its own, and committed once.
///
/// Everything runs on the writing connection's own queue: no thread of the cooperative pool is ever held.
final class SQLiteWriter: Sendable {
    /// How a queued write stands. Whoever moves it on first, the writer or the cancelled task, has it.
    private final class Ticket: Sendable {
        private enum Phase { case made, queued, taken, cancelled }
        private let phase = Mutex(Phase.made)

        /// False where the task was cancelled before.
        func queue() -> Bool { move(from: .made, to: .queued) }
        func take() -> Bool { move(from: .queued, to: .taken) }

        /// True where the write waited and will not run.
        func cancel() -> Bool {
            phase.withLock { phase in
                let waited = phase == .queued
                if phase != .taken { phase = .cancelled }
                return waited
            }
        }

        private func move(from: Phase, to: Phase) -> Bool {
            phase.withLock { phase in
                guard phase == from else { return false }
                phase = to
                return true
            }
        }
    }

    private struct Entry: Sendable {
        let ticket: Ticket
        /// Runs the body; returns what tells the caller of its success.
        let run: @Sendable (SQLiteTransaction) throws -> (@Sendable () -> Void)
        let fail: @Sendable (any Error) -> Void
    }

    private struct Done {
        let transaction: SQLiteTransaction
        let finish: @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct State {
        var waiting: [Entry] = []
        var isScheduled = false
        var isClosed = false
        var commits = 0
        var onIdle: [CheckedContinuation<Void, Never>] = []
    }

    private let database: any DatabaseWriter
    private let file: String
    private let groupLimit: Int
    private let recorder: ChangeRecorder
    private let changes: ChangeHub
    private let state = Mutex(State())

    init(database: any DatabaseWriter, file: String, groupLimit: Int, recorder: ChangeRecorder, changes: ChangeHub) {
        self.database = database
        self.file = file
        self.groupLimit = groupLimit
        self.recorder = recorder
        self.changes = changes
    }

    /// How many transactions were committed.
    var commits: Int { state.withLock { $0.commits } }

    /// How many writes wait to be begun.
    var waiting: Int { state.withLock { $0.waiting.count } }

    func write<T: Sendable>(_ body: @escaping @Sendable (SQLiteTransaction) throws -> T) async throws -> T {
        let ticket = Ticket()
        let failure = Mutex<(@Sendable (any Error) -> Void)?>(nil)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                let fail: @Sendable (any Error) -> Void = { continuation.resume(throwing: $0) }
                failure.withLock { $0 = fail }
                let entry = Entry(
                    ticket: ticket,
                    run: { transaction in
                        let result = try body(transaction)
                        return { continuation.resume(returning: result) }
                    }, fail: fail)
                enqueue(entry)
            }
        } onCancel: {
            // The entry stays in the queue as a blank, which the writer passes over.
            if ticket.cancel() { failure.withLock { $0 }?(CancellationError()) }
        }
    }

    /// Refuses new writes, and returns when those that wait are done.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isClosed = true
                if state.isScheduled { state.onIdle.append(continuation) }
                return !state.isScheduled
            }
            if isIdle { continuation.resume() }
        }
    }

    private func enqueue(_ entry: Entry) {
        enum Verdict { case closed, cancelled, wait, schedule }
        let verdict: Verdict = state.withLock { state in
            if state.isClosed { return .closed }
            guard entry.ticket.queue() else { return .cancelled }
            state.waiting.append(entry)
            if state.isScheduled { return .wait }
            state.isScheduled = true
            return .schedule
        }
        switch verdict {
        case .closed: entry.fail(SQLiteFault.closed)
        case .cancelled: entry.fail(CancellationError())
        case .wait: break
        case .schedule: schedule()
        }
    }

    private func schedule() {
        database.asyncWriteWithoutTransaction { [self] db in
            let group = state.withLock { state in
                let group = Array(state.waiting.prefix(groupLimit))
                state.waiting.removeFirst(group.count)
                return group
            }
            let notRun = commit(group, db)
            let idle: [CheckedContinuation<Void, Never>]? = state.withLock { state in
                state.waiting.insert(contentsOf: notRun, at: 0)
                guard state.waiting.isEmpty else { return nil }
                state.isScheduled = false
                defer { state.onIdle = [] }
                return state.onIdle
            }
            if let idle {
                for continuation in idle { continuation.resume() }
            } else {
                // Not a loop: reads of a database in memory share this queue and must get their turn.
                schedule()
            }
        }
    }

    /// - Returns: what was not begun, because the transaction broke before.
    private func commit(_ group: [Entry], _ db: Database) -> [Entry] {
        do { try db.execute("BEGIN IMMEDIATE") } catch {
            let fault = SQLiteFault.translate(error, file: file)
            for entry in group where entry.ticket.take() { entry.fail(fault) }
            return []
        }
        let isAlone = group.count == 1
        var done: [Done] = []
        var rest = group[...]
        while let entry = rest.popFirst() {
            guard entry.ticket.take() else { continue }
            let transaction = SQLiteTransaction(db: db, file: file, recorder: recorder)
            do {
                if !isAlone { try db.execute("SAVEPOINT one") }
                let finish = try entry.run(transaction)
                // A body may have gone on after a fault with which SQLite gave up the transaction.
                guard db.isInsideTransaction else { throw transaction.fault ?? StorageError(.other, "the transaction has ended") }
                if !isAlone { try db.execute("RELEASE one") }
                done.append(Done(transaction: transaction, finish: finish, fail: entry.fail))
            } catch {
                let fault = SQLiteFault.translate(error, file: file)
                if db.isInsideTransaction && undo(db, all: isAlone) {
                    entry.fail(fault)
                    if isAlone { return [] }
                } else {
                    // The whole transaction is gone, and with it what others did in it. Those that wait begin anew.
                    if db.isInsideTransaction { try? db.execute("ROLLBACK") }
                    entry.fail(fault)
                    for done in done { done.fail(transaction.fault ?? fault) }
                    return Array(rest)
                }
            }
        }
        do { try db.execute("COMMIT") } catch {
            if db.isInsideTransaction { try? db.execute("ROLLBACK") }
            let fault = SQLiteFault.translate(error, file: file)
            for done in done { done.fail(fault) }
            return []
        }
        state.withLock { $0.commits += 1 }
        changes.publish(done.reduce(into: Set()) { $0.formUnion($1.transaction.changed) })
        for done in done {
            for hook in done.transaction.hooks { hook() }
            done.finish()
        }
        return []
    }

    private func undo(_ db: Database, all: Bool) -> Bool {
        do {
            if all {
                try db.execute("ROLLBACK")
            } else {
                try db.execute("ROLLBACK TO one")
                try db.execute("RELEASE one")
            }
            return true
        } catch { return false }
    }
}

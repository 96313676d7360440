import CCrashMark
import Dispatch
import Foundation
import Synchronization

/// Finds out, after the process died of a trap, which instance's code was running.
///
/// Each instance's calls run on a ``InstanceExecutor`` that tells the thread whose code it runs; a signal handler writes the name into a file that outlives the process.
public enum CrashMark {
    /// What an earlier process left.
    public struct Finding: Sendable, Hashable {
        public let instance: String
        /// The signal that ended the process, by name.
        public let signal: String
    }

    private static let slots = Mutex<[String: Int32]>([:])

    /// Reads what an earlier process left at `path`, takes it away, and watches this process from now on.
    public static func begin(at path: String) -> Finding? {
        var name = [CChar](repeating: 0, count: Int(JACK_CRASH_NAME))
        let signal = jack_crash_mark_read(path, &name)
        // One at a time: the file that was watched before is let go. A file that cannot be watched finds nothing next time; that is no reason not to start.
        _ = slots.withLock { _ in jack_crash_mark_open(path) }
        guard signal != 0 else { return nil }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Finding(instance: text, signal: String(cString: strsignal(signal)))
    }

    /// Takes the mark away at a clean end.
    public static func end(at path: String) { jack_crash_mark_clear(path) }

    /// The slot whose code this thread runs; -1 for nobody's.
    static var current: Int32 {
        let slot = jack_crash_mark_enter(-1)
        _ = jack_crash_mark_enter(slot)
        return slot
    }

    /// The slot of an instance's name, the same for the same name; -1 when all are taken.
    static func slot(for instance: String) -> Int32 {
        slots.withLock { slots in
            if let slot = slots[instance] { return slot }
            let slot = Int32(slots.count)
            guard slot < JACK_CRASH_SLOTS, jack_crash_mark_name(slot, instance) == 0 else { return -1 }
            slots[instance] = slot
            return slot
        }
    }
}

/// Runs an instance's calls on threads that know whose code they run.
///
/// The threads are Dispatch's own, not the cooperative pool's: a plugin that blocks its thread holds up nobody but itself.
final class InstanceExecutor: TaskExecutor {
    private let slot: Int32
    private let queue: DispatchQueue

    init(instance: String) {
        slot = CrashMark.slot(for: instance)
        queue = DispatchQueue(label: "jack.\(instance)", attributes: .concurrent)
    }

    /// Does the instance's work on the thread of the caller, for what cannot wait for another thread.
    func attributed<R>(_ work: () -> R) -> R {
        let before = jack_crash_mark_enter(slot)
        defer { _ = jack_crash_mark_enter(before) }
        return work()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let slot = slot
        queue.async {
            let before = jack_crash_mark_enter(slot)
            job.runSynchronously(on: executor)
            _ = jack_crash_mark_enter(before)
        }
    }
}

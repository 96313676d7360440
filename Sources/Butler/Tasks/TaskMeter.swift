import CoreMetrics
import Foundation
import Kernel
import Metrics

/// Counts tasks: those that were made, and how long they took.
struct TaskMeter: Sendable {
    let metrics: any MetricsFactory

    /// A task was made, by whomever.
    func made(_ task: HotelTask) {
        Counter(
            label: "jack_tasks_created_total", dimensions: [("department", task.department), ("priority", task.priority.rawValue)], factory: metrics
        ).increment()
    }

    /// A task is done; one that is opened again and done once more counts again, from its beginning.
    func done(_ task: HotelTask) {
        guard let end = task.completedAt else { return }
        let time = max(0, end.timeIntervalSince(task.createdAt))
        Timer(
            label: "jack_task_completion_seconds", dimensions: [("department", task.department), ("priority", task.priority.rawValue)],
            factory: metrics
        ).recordNanoseconds(Int64(min(time, 1e9) * 1e9))
    }
}

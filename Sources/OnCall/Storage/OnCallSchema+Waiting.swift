import Kernel

extension OnCallSchema {
    /// For the watchman, who also looks for groups that were never told.
    static let waiting = Migration(
        "oncall-003-waiting", [.sql("CREATE INDEX oncall_group_next ON oncall_group (property, next_flush)")])
}

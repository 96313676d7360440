import Kernel

extension ButlerSchema {
    /// Calls whose end nobody heard are on the bill too, and say that they are reckoned.
    static let estimatedUsage = Migration(
        "butler-009-estimated-usage",
        [.sql("ALTER TABLE ai_usage ADD COLUMN is_estimated INTEGER NOT NULL DEFAULT 0 CHECK (is_estimated IN (0, 1))")])
}

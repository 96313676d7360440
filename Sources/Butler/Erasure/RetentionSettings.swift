import PluginAPI

/// The `butler.retention` section of `jack.yaml`: how long what guests said is kept.
public struct RetentionSettings: PluginSettings {
    @Setting(
        help:
            "A conversation in which nothing has happened for this long is deleted, with its messages and files, once a day; none for never. One that waits for a human stays.",
        example: "365d")
    public var conversations: Duration?

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        if let conversations, conversations < .seconds(86_400) {
            report.error(
                "conversations", "staff could not look up in the morning what was said at night",
                remedy: "write at least 1d, or leave it empty for never")
        }
    }
}

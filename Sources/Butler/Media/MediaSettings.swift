import PluginAPI

/// The `butler.media` section of `jack.yaml`: guests' files, and how much of them is kept.
public struct MediaSettings: PluginSettings {
    @Setting(help: "Guests' files are fetched from their channel and kept, for staff to see; false leaves them there.") public var fetch: Bool = true
    @Setting(help: "The largest file that is kept; the channel's own limit may be lower.", .range(.kilobytes(16)...(.megabytes(64))))
    public var maximumFile: ByteCount = .megabytes(16)
    @Setting(help: "Files of one message that are fetched; of the rest it is said that they are there.", .range(1...100)) public var perMessage: Int =
        20
    @Setting(help: "What is kept of one conversation's files, all together.") public var perConversation: ByteCount = .megabytes(100)
    @Setting(help: "What is kept of all guests' files together.") public var total: ByteCount = .megabytes(2048)
    @Setting(help: "How long a file is kept; none for as long as its message.") public var keepFor: Duration? = .seconds(90 * 86_400)
    @Setting(help: "How long a file that cannot be had is asked for again.", advanced: true) public var tryFor: Duration = .seconds(86_400)

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        if perConversation < maximumFile {
            report.error("per_conversation", "\(perConversation) is less than maximum_file (\(maximumFile))", remedy: "write at least \(maximumFile)")
        }
        if total < perConversation {
            report.error("total", "\(total) is less than per_conversation (\(perConversation))", remedy: "write at least \(perConversation)")
        }
        if let keepFor, keepFor < .seconds(3600) {
            report.error("keep_for", "nobody sees a file that is kept for \(keepFor.text)", remedy: "write at least 1h, or leave it empty")
        }
    }
}

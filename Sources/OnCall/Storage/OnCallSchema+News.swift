import Kernel

extension OnCallSchema {
    /// What each contact was told lately of matters that it had been paged for, and what waits to be told it in one message.
    static let news = Migration(
        "oncall-004-news",
        [
            .table(
                "oncall_news",
                columns: """
                    property TEXT NOT NULL,
                    key TEXT NOT NULL,
                    record TEXT NOT NULL,
                    PRIMARY KEY (property, key)
                    """)
        ])
}

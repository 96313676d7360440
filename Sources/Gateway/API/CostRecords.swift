extension API {
    /// Which AI calls are summed up, and by what.
    public struct CostQuery: Sendable, Hashable {
        public enum Grouping: String, Sendable, CaseIterable { case day, instance, model, purpose, conversation, guest }

        public var by: Grouping
        /// The first and the last day that count, as the hotel counts days; nil for no end.
        public var from: String?
        public var to: String?
        public var limit: Int

        public init(by: Grouping, from: String? = nil, to: String? = nil, limit: Int) {
            self.by = by
            self.from = from
            self.to = to
            self.limit = limit
        }
    }

    /// What AI calls came to.
    public struct Costs: Codable, Sendable, Hashable {
        /// One value of what is summed up by.
        public struct Item: Codable, Sendable, Hashable {
            /// The day, the instance, the model…; empty for calls that have none.
            public var key: String
            public var calls: Int
            /// Calls that stood in for another instance.
            public var fallbacks: Int
            /// Calls that were cut; their tokens are reckoned.
            public var estimated: Int
            public var inputTokens: Int
            public var outputTokens: Int
            public var cacheReadTokens: Int
            public var cacheWriteTokens: Int
            /// Estimated from `costs.rates`.
            public var cost: Double

            public init(
                key: String, calls: Int, fallbacks: Int, estimated: Int, inputTokens: Int, outputTokens: Int, cacheReadTokens: Int,
                cacheWriteTokens: Int, cost: Double
            ) {
                self.key = key
                self.calls = calls
                self.fallbacks = fallbacks
                self.estimated = estimated
                self.inputTokens = inputTokens
                self.outputTokens = outputTokens
                self.cacheReadTokens = cacheReadTokens
                self.cacheWriteTokens = cacheWriteTokens
                self.cost = cost
            }
        }

        public var currency: String
        /// What all calls of those days came to, also those whose sums are not among the items.
        public var total: Double
        /// How many sums there are.
        public var count: Int
        public var items: [Item]

        public init(currency: String, total: Double, count: Int, items: [Item]) {
            self.currency = currency
            self.total = total
            self.count = count
            self.items = items
        }
    }
}

import PluginAPI

/// The `costs:` section of `jack.yaml`: what AI calls cost, and how much they may.
public struct CostSettings: PluginSettings {
    @Setting(help: "The currency of all amounts, for people.") public var currency: String = "USD"
    @Setting(help: "Prices by the beginning of the model's name (`gpt-4o`); the longest that fits counts. A model without a price costs nothing.")
    public var rates: [String: RateSettings] = [:]
    @Setting(help: "What AI calls may cost.") public var budget: BudgetSettings = .init()
    @Setting(help: "From what on AI calls are an alert.") public var alerts: CostAlertSettings = .init()

    public init() {}

    /// What the declarations cannot say. Pure.
    public func check(_ report: inout ValidationReport) {
        for (model, rate) in rates.sorted(by: { $0.key < $1.key }) where [rate.cacheRead, rate.cacheWrite].contains(where: { ($0 ?? 0) < 0 }) {
            report.error("rates.\(model)", "a price is negative", remedy: "write what the vendor's list says")
        }
        for (key, limit) in [("daily", budget.daily), ("monthly", budget.monthly)] where (limit ?? 0) < 0 {
            report.error("budget.\(key)", "a budget is negative", remedy: "leave it out for no limit; 0 allows nothing")
        }
        if budget.daily != nil || budget.monthly != nil, rates.isEmpty {
            report.warning("budget", "without rates nothing costs anything, and the budget is never used up", remedy: "add costs.rates")
        }
    }
}

/// What a model costs, for a million tokens.
public struct RateSettings: PluginSettings {
    @Setting(help: "A million input tokens.", .range(0...1_000_000)) public var input: Double = 0
    @Setting(help: "A million output tokens.", .range(0...1_000_000)) public var output: Double = 0
    @Setting(help: "A million input tokens that came from the vendor's cache; as `input` where not set.")
    public var cacheRead: Double?
    @Setting(help: "A million input tokens that went into the vendor's cache; as `input` where not set.")
    public var cacheWrite: Double?

    public init() {}

    /// The cost of a call, in millionths of the currency's unit. ``PluginAPI/AIUsage/inputTokens`` holds what came from the cache and went there too.
    func micros(_ usage: AIUsage) -> Int64 {
        let plain = max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens)
        let sum =
            Double(plain) * input + Double(usage.cacheReadTokens) * (cacheRead ?? input) + Double(usage.cacheWriteTokens) * (cacheWrite ?? input)
            + Double(usage.outputTokens) * output
        return Int64(sum.rounded())
    }
}

/// What may be spent, and what happens on the way there.
public struct BudgetSettings: PluginSettings {
    @Setting(help: "For a day of the hotel's; none for no limit.") public var daily: Double?
    @Setting(help: "For a month; none for no limit.") public var monthly: Double?
    @Setting(help: "From this share on, people are told (`warning`).", .range(0...100)) public var notify: Double = 0.8
    @Setting(help: "From this share on, people are told urgently (`critical`).", .range(0...100)) public var notifyUrgent: Double = 1
    @Setting(help: "From this share on, only AI on this machine is asked.", .range(0...100)) public var fallbackToLocal: Double = 1.2

    public init() {}
}

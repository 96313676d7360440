import ArgumentParser
import Foundation
import Gateway
import Kernel

/// `jack costs`.
struct CostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "costs", abstract: "Say what AI calls came to: calls, tokens and their cost by the rates of the configuration.")
    enum Grouping: String, ExpressibleByArgument, CaseIterable { case day, instance, model, purpose, conversation, guest }

    @OptionGroup var remote: RemoteOptions
    @Option(help: "Sum up by this.") var by: Grouping = .day
    @Option(help: ArgumentHelp("The first day that counts.", valueName: "2026-11-01")) var from: String?
    @Option(help: ArgumentHelp("The last day that counts.", valueName: "2026-11-30")) var to: String?
    @Option(help: "How many sums are shown, 1 to 100: the dearest, or the last days.") var limit = 31

    func run() async throws {
        let days = [("from", from), ("to", to)].compactMap { name, day in day.map { "&\(name)=\(RemoteClient.escaped($0))" } }.joined()
        let costs = try await remote.client.get("/api/v1/costs?by=\(by.rawValue)&limit=\(limit)\(days)", as: API.Costs.self)
        if remote.json { return try remote.print(costs) }
        guard !costs.items.isEmpty else { return print("no AI call has left this machine") }
        func row(_ item: API.Costs.Item) -> [String] {
            [
                item.key.isEmpty ? "–" : Terminal.plain(item.key), "\(item.calls)", "\(item.fallbacks)", "\(item.estimated)", "\(item.inputTokens)",
                "\(item.outputTokens)", String(format: "%.4f", item.cost),
            ]
        }
        print(
            Terminal.table(
                [by.rawValue.uppercased(), "CALLS", "STOOD IN", "CUT", "TOKENS IN", "TOKENS OUT", costs.currency.uppercased()], costs.items.map(row)))
        if costs.count > costs.items.count {
            print("and \(costs.count - costs.items.count) more, \(by == .day ? "earlier" : "cheaper"): see --limit, --from and --to")
        }
        print("total \(String(format: "%.2f", costs.total)) \(costs.currency)")
    }
}

import ArgumentParser
import Foundation
import Kernel
import OnCall
import PluginAPI

/// `jack route explain`.
struct RouteExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say every step of what would be decided for an alert, and which line decides it.",
        discussion: """
            Computes; nobody is told of anything. --at may be any time, past or to come: schedules, quiet hours and time intervals are those of that time. \
            Exit status: 0 where a person or a contact is paged, 1 where nobody is.
            """)

    @OptionGroup var plan: PlanOptions
    @Option(help: ArgumentHelp("When, in the hotel's time or in UTC with a Z at the end; now where it is left out.", valueName: "2026-12-24T02:10"))
    var at: String?
    @Option(
        help: ArgumentHelp("A file with the alert as JSON: an object of labels, or one with `labels` in it, as amtool prints it.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var alert: String?
    @Flag(help: "The alert is an emergency, as the safety lane raises it.") var emergency = false
    @Option(
        name: .customLong("firing"), parsing: .singleValue,
        help: ArgumentHelp("Another alert that fires, as name=value,name=value. May be repeated.", valueName: "labels"))
    var firing: [String] = []
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: ArgumentHelp("The alert's labels.", valueName: "name=value")) var labels: [String] = []

    func run() throws {
        let (plan, zone) = try self.plan.wholePlan()
        var set = try alert.map(Self.labels(of:)) ?? [:]
        for text in labels { set.merge([try Self.label(text)]) { $1 } }
        guard !set.isEmpty else { throw ValidationError("say what alert it is: alertname=… severity=…") }
        let others = try firing.map { Dictionary(try $0.split(separator: ",").map { try Self.label(String($0)) }) { $1 } }
        let moment = try PlanOptions.date(at, in: zone) ?? Date()
        let explanation = RouteExplanation(
            .init(labels: set, at: moment, isEmergency: emergency, firing: others), by: plan, zone: TimeZone(identifier: zone) ?? .gmt)
        if json {
            print(JSONText.pretty(.array(explanation.steps.map { ["stage": .string($0.stage), "text": .string($0.text)] })))
        } else {
            for line in explanation.lines { print(Terminal.plain(line)) }
        }
        if !explanation.pagesSomebody { throw ExitCode(1) }
    }

    private static func label(_ text: String) throws -> (String, String) {
        do { return try LabelMatcher.parseLabel(text) } catch { throw ValidationError("“\(Terminal.plain(text))” is no label: \(error)") }
    }

    private static func labels(of file: String) throws -> [String: String] {
        guard let bytes = FileManager.default.contents(atPath: file) else { throw ValidationError("\(file) cannot be read") }
        guard let json = try? JSONValue(json: [UInt8](bytes)) else { throw ValidationError("\(file) is not JSON") }
        let object = (json.arrayValue?.first ?? json), labels = object["labels"] ?? object
        guard let texts = labels.objectValue, texts.values.allSatisfy({ $0.stringValue != nil }) else {
            throw ValidationError("\(file) holds no object of labels")
        }
        return texts.compactMapValues(\.stringValue)
    }
}

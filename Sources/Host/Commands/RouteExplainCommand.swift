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
            Computes; nobody is told of anything. --at may be any time, past or to come: schedules, quiet hours and time intervals are those of that time, \
            and for a past time the plan is the one that was in force then, as far as Jack's history goes back. --plan takes another one in any case. \
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

    func run() async throws {
        var set = try alert.map(Self.labels(of:)) ?? [:]
        for text in labels { set.merge([try Self.label(text)]) { $1 } }
        guard !set.isEmpty else { throw ValidationError("say what alert it is: alertname=… severity=…") }
        let others = try firing.map { Dictionary(try $0.split(separator: ",").map { try Self.label(String($0)) }) { $1 } }
        let (loaded, _) = try plan.options.load()
        let (plan, zone, moment, known) = try await planOfThen(loaded)
        let explanation = RouteExplanation(
            .init(labels: set, at: moment, isEmergency: emergency, firing: others, silences: await silences(at: moment, loaded)), by: plan,
            zone: TimeZone(identifier: zone) ?? .gmt)
        let steps = (known.map { [RouteExplanation.Step(stage: "plan", text: $0)] } ?? []) + explanation.steps
        if json {
            print(JSONText.pretty(.array(steps.map { ["stage": .string($0.stage), "text": .string($0.text)] })))
        } else {
            for line in RouteExplanation.lines(of: steps) { print(Terminal.plain(line)) }
        }
        if !explanation.pagesSomebody { throw ExitCode(1) }
    }

    /// The plan that decides at the moment that is asked about, and which one it is in words, where history knows.
    private func planOfThen(_ loaded: Configurator.Loaded) async throws -> (plan: OnCallPlan, zone: String, moment: Date, known: String?) {
        let (current, zone) = try plan.wholePlan(of: loaded), now = Date()
        let moment = try PlanOptions.date(at, in: zone) ?? now
        guard plan.plan == nil, moment < now, at != nil else { return (current, zone, moment, nil) }
        do {
            guard let (span, then) = try await PastReading.plan(at: moment, loaded) else {
                Terminal.error("jack: which plan was in force then is not known; the current one is taken")
                return (current, zone, moment, nil)
            }
            let time = "\(span.version.prefix(8)), in force from \(span.since.iso8601) \(span.until.map { "until \($0.iso8601)" } ?? "on")"
            if span.version == current.version { return (current, zone, moment, "\(time): the current one") }
            if let then = then as? OnCallPlan { return (then, zone, moment, "\(time): not the current one") }
            let why = then == nil ? "the plan \(time), cannot be read any more" : "no plan was in force then, but what `oncall.notify` said"
            Terminal.error("jack: \(why); the current one is taken")
        } catch let error as StorageError {
            Terminal.error("jack: which plan was in force then cannot be read; the current one is taken: \(error.message)")
        }
        return (current, zone, moment, nil)
    }

    /// What people silence at that moment, as far as it is known; nothing where another plan is tried.
    private func silences(at moment: Date, _ loaded: Configurator.Loaded) async -> [Silence] {
        guard plan.plan == nil else { return [] }
        do {
            let history = OnCallHistory(property: loaded.configuration.property.id)
            return try await PastReading.read(loaded) { try history.silences(since: moment, $0) } ?? []
        } catch {
            Terminal.error("jack: silences cannot be read, and are not looked at")
            return []
        }
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

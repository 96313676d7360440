import ArgumentParser
import Butler
import Foundation
import Kernel
import OnCall
import PluginAPI

/// Loads the configuration as every command does: the file, the environment with the secrets file beneath it, and `--set`; then the hotel's catalogs.
struct Configurator: Sendable {
    var file: String
    var assignments: [String] = []
    var environment: [String: String]
    var registrations: [PluginRegistration]

    /// What a configuration comes to.
    struct Loaded: Sendable {
        var configuration: LoadedConfiguration
        var catalogs: ButlerCatalogs
        /// Who is told of what; nil where the configuration names no plan.
        var plan: LoadedPlan?
        /// What is watched of Jack's own metrics.
        var rules = AlertRules()
        /// Reads plans as this one was read.
        var planReader: PlanReader
        /// Where the secrets were found that the environment does not have; nil where they are only in memory.
        var secretsFile: String?

        /// The butler's settings; where they name no AI and there is none of the usual name, the instances that there are.
        var butler: ButlerSettings {
            var settings = configuration.section(ButlerSettings.self)
            let usual = ButlerSettings(), providers = configuration.instances.filter { $0.kind == .ai }
            if settings.ai == usual.ai, !settings.ai.allSatisfy({ name in providers.contains { $0.name == name } }) {
                settings.ai = providers.map(\.name)
            }
            if let name = settings.knowledge.embeddings, name == usual.knowledge.embeddings, !providers.contains(where: { $0.name == name }) {
                // Texts go to a vendor only where the operator says so.
                let local = providers.first {
                    $0.registration.manifest.capabilities.contains("embeddings") && $0.registration.manifest.destinations.isEmpty
                }
                settings.knowledge.embeddings = local?.name
            }
            if settings.intentAI.isEmpty {
                // What is learnt from the hotel's own examples on this machine is quick, costs nothing and sends no message away.
                settings.intentAI = configuration.instances.filter {
                    $0.kind == .ai && $0.registration.manifest.capabilities.contains("classification")
                        && $0.registration.manifest.destinations.isEmpty
                }.map(\.name)
            }
            return settings
        }
        var costs: CostSettings { configuration.section(CostSettings.self) }
        var notify: NotifySettings { configuration.section(NotifySettings.self) }
        var onCall: OnCallSettings { configuration.section(OnCallSettings.self) }
    }

    static let sections = [
        ConfigurationSection(
            key: "butler", settings: ButlerSettings.self, help: "How Jack answers, and what it may do alone."
        ) { settings, outline, report in
            let usual = ButlerSettings()
            if settings.ai != usual.ai { for name in settings.ai { outline.check(name, .ai, "ai", &report) } }
            for name in settings.intentAI { outline.check(name, .ai, "intent_ai", &report) }
            if let pms = settings.pms { outline.check(pms, .pms, "pms", &report) }
            if let embeddings = settings.knowledge.embeddings, embeddings != usual.knowledge.embeddings {
                outline.check(embeddings, .ai, "knowledge.embeddings", &report)
            }
            for name in settings.closedWindow.keys.sorted() { outline.check(name, .channel, "closed_window.\(name)", &report) }
            report.nested("watch") { settings.watch.check(&$0) }
            report.nested("media") { settings.media.check(&$0) }
            if settings.autonomy.hold > settings.autonomy.send {
                report.error(
                    "autonomy.hold", "hold (\(settings.autonomy.hold)) is above send (\(settings.autonomy.send))",
                    remedy: "hold must not be greater than send")
            }
        },
        ConfigurationSection(key: "costs", settings: CostSettings.self, help: "What AI calls cost, and how much they may.") { settings, _, report in
            settings.check(&report)
        },
        ConfigurationSection(
            key: "notify", settings: NotifySettings.self, help: "Who is told of each change of a conversation.",
            environment: ["NOTIFY_WEBHOOK": "url", "NOTIFY_SECRET": "secret"]
        ) { settings, _, report in
            settings.check(&report)
        },
        ConfigurationSection(key: "oncall", settings: OnCallSettings.self, help: "Who is told of alerts.") { settings, outline, report in
            for name in settings.notify { outline.check(name, .alert, "notify", &report) }
            settings.check(&report)
            for (index, source) in settings.sources.enumerated() {
                if let channel = source.channel { outline.check(channel, .channel, "sources.\(index).channel", &report) }
            }
        },
    ]

    /// Reads everything; the diagnostics hold every mistake of every file.
    /// - Parameters:
    ///   - makingSecrets: makes the secrets file where there is none, outside production.
    ///   - checkingKnowledge: also reads every knowledge file, which a running Jack reads by itself.
    func load(makingSecrets: Bool, checkingKnowledge: Bool = false) throws -> (loaded: Loaded?, diagnostics: Diagnostics) {
        let first = loader(environment).load()
        guard let draft = first.configuration else { return (nil, first.diagnostics) }
        var configuration = draft, diagnostics = first.diagnostics, secretsFile: String?
        if draft.settings.environment == .development {
            var secrets: [String: String]
            if draft.settings.storage.persist {
                let path = LocalSecrets.path(beside: draft.settings.storage.path)
                secretsFile = path
                let isComplete = LocalSecrets.names.allSatisfy { environment[$0].map { !$0.isEmpty } ?? false }
                secrets = makingSecrets && !isComplete ? try LocalSecrets.readOrMake(path) : LocalSecrets.read(path)
            } else {
                secrets = LocalSecrets.make()
            }
            secrets.merge(environment.filter { !$0.value.isEmpty }) { $1 }
            let second = loader(secrets).load()
            guard let complete = second.configuration else { return (nil, second.diagnostics) }
            (configuration, diagnostics) = (complete, second.diagnostics)
        }
        diagnostics.add(contentsOf: ProductionCheck.findings(configuration))
        let settings = configuration.section(ButlerSettings.self)
        let directory = configuration.directory.isEmpty ? "." : configuration.directory
        let catalogs = ButlerCatalogs.read(
            settings, directory: directory, language: String(configuration.property.locale.prefix(2)), documents: HostDocuments(), &diagnostics)
        let folder = "\(directory)/\(settings.knowledge.folder)"
        if let files = try? HostDocuments().files(in: folder) {
            let reader = KnowledgeReader(documents: HostDocuments())
            for name in files.keys.sorted() where checkingKnowledge && KnowledgeReader.reads(name) {
                _ = reader.read("\(folder)/\(name)", name: name, &diagnostics)
            }
        } else {
            diagnostics.error(
                .unreadable, "the folder “\(settings.knowledge.folder)” cannot be read", remedy: "make it, or correct butler.knowledge.folder",
                at: configuration.nearestMark(of: "butler.knowledge.folder"))
        }
        let planReader = PlanReader(configuration, registrations: registrations, environment: environment)
        let plan = configuration.section(OnCallSettings.self).file.flatMap { file in
            planReader.read(file.hasPrefix("/") ? file : "\(directory)/\(file)", &diagnostics).map(LoadedPlan.init)
        }
        if configuration.section(OnCallSettings.self).file == nil {
            let found = HousePlan.emergencyDiagnostics(
                configuration.section(OnCallSettings.self), sinks: planReader.sinks, isProduction: configuration.settings.environment == .production,
                mark: configuration.nearestMark(of: "oncall.notify"))
            for diagnostic in found { diagnostics.add(diagnostic) }
        }
        let rules = configuration.section(OnCallSettings.self).watch.rules.flatMap { file in
            HostDocuments().document(file.hasPrefix("/") ? file : "\(directory)/\(file)", &diagnostics).flatMap { AlertRules.read($0, &diagnostics) }
        }
        guard let catalogs, !diagnostics.hasErrors else { return (nil, diagnostics) }
        return (
            Loaded(
                // A plan is the operator's own: whom it names may be told.
                configuration: configuration.reaching(plan?.plan.roster.urls ?? [:]), catalogs: catalogs, plan: plan, rules: rules ?? AlertRules(),
                planReader: planReader,
                secretsFile: secretsFile), diagnostics
        )
    }

    /// The settings by which a running Jack is reached; what is wrong elsewhere in the file must not keep anybody from stopping it. Nil where they cannot be read.
    func connection() -> KernelSettings? {
        guard let draft = loader(environment).kernelSettings() else { return nil }
        guard draft.environment == .development, draft.storage.persist else { return draft }
        let secrets = LocalSecrets.read(LocalSecrets.path(beside: draft.storage.path)).merging(environment.filter { !$0.value.isEmpty }) { $1 }
        return loader(secrets).kernelSettings()
    }

    /// The configuration where it is sound, without anything made or said.
    func loadedQuietly() -> LoadedConfiguration? { loader(environment).load().configuration }

    private func loader(_ environment: [String: String]) -> ConfigurationLoader {
        ConfigurationLoader(file: file, environment: environment, assignments: assignments, registrations: registrations, sections: Self.sections)
    }
}

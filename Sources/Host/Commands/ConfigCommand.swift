import ArgumentParser
import Kernel
import PluginAPI

/// `jack config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show the configuration, a sample, or its schema.", subcommands: [Show.self, Sample.self, Schema.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration as Jack understands it: defaults filled in, variables expanded, secrets hidden.")
        @OptionGroup var options: ConfigurationOptions
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let (loaded, _) = try options.load()
            print(
                json ? JSONText.pretty(ConfigurationPrinter.json(loaded.configuration)) : ConfigurationPrinter.yaml(loaded.configuration),
                terminator: json ? "\n" : "")
        }
    }

    struct Sample: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a configuration with every setting explained.")
        @Flag(help: "Also the settings that hardly anybody needs.") var advanced = false

        func run() {
            print(
                SampleGenerator(registrations: JackHost.registrations, sections: Configurator.sections, includesAdvanced: advanced).document(),
                terminator: "")
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the JSON Schema of the configuration, or of another document, for editors.")

        @Option(
            help: ArgumentHelp(
                "Another YAML document of the hotel: \(DocumentSchemas.all.map(\.name).joined(separator: ", ")).", valueName: "name"),
            completion: .list(DocumentSchemas.all.map(\.name)))
        var document: String?

        func run() throws {
            let generator = JSONSchemaGenerator(registrations: JackHost.registrations, sections: Configurator.sections)
            guard let document else { return print(generator.text(), terminator: "") }
            guard let found = DocumentSchemas.all.first(where: { $0.name == document }) else {
                let remedy = Suggestion.remedy(for: document, among: DocumentSchemas.all.map(\.name)).map { "; \($0)" } ?? ""
                Terminal.error("jack: there is no document “\(document)”\(remedy)")
                throw ExitCode(1)
            }
            print(generator.text(of: found.schema, title: "\(document).yaml"), terminator: "")
        }
    }
}

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
        static let configuration = CommandConfiguration(abstract: "Print the JSON Schema of the configuration, for editors.")

        func run() { print(JSONSchemaGenerator(registrations: JackHost.registrations, sections: Configurator.sections).text(), terminator: "") }
    }
}

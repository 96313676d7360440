import ArgumentParser

/// `jack`.
struct JackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jack",
        abstract: "A butler for your hotel: answers guests, makes tasks, reaches the right person.",
        discussion: """
            Begin with `jack check`, which reads the configuration and says every mistake with its line, and `jack serve`, which runs Jack.
            The commands that ask a running Jack find it, and its token, by the same configuration.

            Exit status: 0 where all is well, 1 where something is wrong that the output says, 2 where the command could not do its work, 64 for wrong arguments.
            """,
        version: JackHost.version,
        subcommands: [
            ServeCommand.self, CheckCommand.self, ConfigCommand.self, PluginsCommand.self, ChatCommand.self, WhyCommand.self, TasksCommand.self,
            ConversationsCommand.self, GuestsCommand.self, LettersCommand.self, CostsCommand.self, AlertCommand.self, RouteCommand.self,
            OnCallCommand.self, IncidentCommand.self, MaintenanceCommand.self, DatabaseCommand.self,
            DocsCommand.self, StopCommand.self, ReloadCommand.self, VersionCommand.self,
        ])
}

/// `jack version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { print("jack \(JackHost.version)") }
}

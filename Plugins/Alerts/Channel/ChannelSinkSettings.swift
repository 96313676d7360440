import PluginAPI

/// What an operator may set for pages through a channel.
public struct ChannelSinkSettings: PluginSettings {
    @Setting(help: "The channel instance by which pages are written, and answered.", .notEmpty, example: "email") public var channel: String
    @Setting(
        help: "A template that the channel's vendor has approved, for a channel that takes nothing else outside its reply window, such as WhatsApp.",
        .ifSet(.notEmpty), example: "on_call_page")
    public var template: String?
    @Setting(help: "The template's language, as the vendor has it; by default the hotel's.", .ifSet(.notEmpty)) public var templateLocale: String?
    @Setting(help: "What fills the template's places, in their order.") public var templateParameters: [TemplatePart] = [.summary, .code]
    @Setting(help: "How long a page's code is taken.", .range(.seconds(3_600) ... .seconds(30 * 86_400)), advanced: true)
    public var codeLife: Duration = .seconds(7 * 86_400)

    public init() {}

    func check(_ report: inout ValidationReport) {
        if template != nil, !templateParameters.contains(.code) {
            report.warning("template_parameters", "a page without its code cannot be acknowledged by an answer", remedy: "add code to the template")
        }
    }
}

/// What may stand in a place of a template.
public enum TemplatePart: String, SettingChoice, Sendable {
    case severity, summary, code, url
}

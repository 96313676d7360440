import PluginAPI

public struct PagerSinkSettings: PluginSettings {
    @Setting(help: "Where the vendor's API is.", .url) var endpoint: String = "https://api.pager.example"
    @Setting(help: "The account's token.", .minimumLength(16), example: "${PAGER_TOKEN}") var token: Secret
    @Setting(help: "The key by which the vendor signs what it sends; without it nobody can acknowledge.") var signingKey: Secret?

    public init() {}
}

import PluginAPI

/// What an operator may set for the guest page.
public struct WebChatSettings: PluginSettings {
    @Setting(help: "Where the chat page is.", .path) public var path: String = "/"
    @Setting(help: "Where the page's WebSocket is.", .path) public var socketPath: String = "/ws/chat"
    @Setting(help: "Where the page's style sheet and script are.", .path, advanced: true) public var assetsPath: String = "/assets"
    @Setting(
        help: "The greeting above an empty conversation, by language; {hotel} is the hotel's name. English, German, Spanish and French have one.",
        example: "{ en: \"Welcome to {hotel}!\" }")
    public var welcome: [String: String] = [:]
    @Setting(help: "How many of the last messages a returning guest sees.", .range(1...500)) public var history: Int = 50
    @Setting(help: "The longest text of a guest, in characters. The page itself holds guests to 4000.", .range(1...20_000), advanced: true)
    public var maximumText: Int = 4000
    @Setting(help: "How many messages a session may send within a minute.", .range(1...1_000_000)) public var messagesPerMinute: Int = 10
    @Setting(help: "How many windows one session may have open.", .range(1...100)) public var socketsPerSession: Int = 5
    @Setting(help: "How long a browser that stays away is still known.", .range(.seconds(3600)...(.seconds(366 * 86_400))))
    public var sessionLifetime: Duration = .seconds(30 * 86_400)

    public init() {}

    /// What concerns several settings at once, or the keys of a map.
    func check(_ report: inout ValidationReport) {
        if socketPath == path { report.error("socket_path", "it is the page's own path", remedy: "give the socket another, such as /ws/chat") }
        let assets = ["chat.css", "chat.js"].map { Self.join(assetsPath, $0) }
        if assets.contains(path) { report.error("path", "one of the page's own assets is there") }
        if assets.contains(socketPath) { report.error("socket_path", "one of the page's own assets is there") }
        for (language, text) in welcome.sorted(by: { $0.key < $1.key }) {
            if LanguageTag.parse(language) == nil {
                report.error("welcome.\(language)", "“\(language)” is not a language tag", remedy: "write for example en, de or pt-BR")
            } else if text.allSatisfy(\.isWhitespace) {
                report.error("welcome.\(language)", "the greeting is empty", remedy: "leave the line out to have the usual greeting")
            }
        }
    }

    /// A path below a folder; the folder may be `/`.
    static func join(_ folder: String, _ name: String) -> String { folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)" }
}

extension SettingConstraint where Value == String {
    /// An absolute path without query, fragment or anything that a browser would have to escape.
    fileprivate static var path: SettingConstraint {
        SettingConstraint("a path beginning with /", schema: ["pattern": "^/[A-Za-z0-9._~/-]*$"]) { text in
            let isPlain = text.utf8.allSatisfy {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || "._~/-".utf8.contains($0)
            }
            return text.hasPrefix("/") && isPlain && !text.contains("//") && !text.contains("..")
                ? nil : "“\(text)” is not a path of letters, digits and . _ ~ - that begins with /"
        }
    }
}

import Foundation

/// Who may import whom (the design's rule on arrows), as a function over one file.
enum ImportRule {
    /// What each of our modules may import of our own. A plugin's targets are told by their folder.
    static let arrows: [String: Set<String>] = [
        "PluginAPI": [],
        "Kernel": ["PluginAPI", "CLibCurl", "CLibYAML", "CCrashMark", "CVector"],
        "Butler": ["PluginAPI", "Kernel"],
        "OnCall": ["PluginAPI", "Kernel"],
        "Gateway": ["PluginAPI", "Kernel", "Butler", "OnCall", "GatewayResources"],
        "PluginTestKit": ["PluginAPI", "Kernel"],
    ]

    /// Modules that only some folders may import, ours or not.
    static let confined: [String: [String]] = [
        "GRDB": ["Sources/Kernel/Storage/SQLite/"], "GRDBSQLite": ["Sources/Kernel/Storage/SQLite/"], "SQLite3": ["Sources/Kernel/Storage/SQLite/"],
        "CLibCurl": ["Sources/Kernel/HTTP/", "Sources/Kernel/Mail/"], "CLibYAML": ["Sources/Kernel/Configuration/YAML/"],
        "CCrashMark": ["Sources/Kernel/Supervision/"], "CMalloc": ["Sources/Host/Application/"],
        "CVector": ["Sources/Kernel/Storage/SQLite/"],
        "GatewayResources": ["Sources/Gateway/"], "WebChatResources": ["Plugins/Channels/WebChat/"],
        "EmbeddedAIResources": ["Plugins/AI/Embedded/"],
        "ArgumentParser": ["Sources/Host/", "Sources/Bench/"],
    ]

    /// Names and words of vendors, which stand only in their plugins. Matched as whole words, whatever their case; none is a plain English word.
    static let vendorWords = [
        "whatsapp", "twilio", "telegram", "mailgun", "sendgrid", "hooks.slack", "pagerduty", "opsgenie", "openai", "anthropic", "claude", "gemini",
        "ollama",
        "mistral", "mews", "cloudbeds", "apaleo", "operacloud", "protel", "hub.challenge", "messagesid", "dedup_key", "routing_key",
        "phone_number_id",
    ]

    /// - Parameters:
    ///   - path: from the root of the repository.
    ///   - plugins: the modules of all plugins, by their folder.
    /// - Returns: each breach in a sentence.
    static func breaches(path: String, source: String, plugins: [String: String]) -> [String] {
        let home = module(of: path)
        let code = withoutComments(source)
        var found: [String] = []
        for imported in imports(code) {
            if let folders = confined[imported], !folders.contains(where: path.hasPrefix) { found.append("\(path) imports \(imported)") }
            guard isOurs(imported, plugins), !isAllowed(imported, home, path, plugins) else { continue }
            found.append("\(path) imports \(imported)")
        }
        if home == "Kernel" || home == "PluginAPI" {
            for word in vendorWords where hasWord(word, code) { found.append("\(path) says “\(word)”, which belongs in a plugin") }
        }
        return found
    }

    /// The modules that a source imports, in any of the forms Swift has.
    static func imports(_ code: String) -> [String] {
        code.split(whereSeparator: { $0.isNewline || $0 == ";" }).compactMap { line in
            var words = line.split(whereSeparator: \.isWhitespace).map(String.init)[...]
            while let first = words.first, first.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(first) {
                words = words.dropFirst()
            }
            guard words.first == "import" else { return nil }
            words = words.dropFirst()
            if let first = words.first, ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"].contains(first) {
                words = words.dropFirst()
            }
            return words.first?.split(separator: ".").first.map(String.init)
        }
    }

    /// Comments become blanks; texts stay.
    static func withoutComments(_ source: String) -> String {
        var out = "", rest = Substring(source), depth = 0, isInText = false
        while let character = rest.first {
            if depth > 0 {
                if rest.hasPrefix("*/") || rest.hasPrefix("/*") {
                    depth += rest.hasPrefix("/*") ? 1 : -1
                    rest = rest.dropFirst(2)
                    continue
                }
            } else if isInText {
                if character == "\\" {
                    out += rest.prefix(2)
                    rest = rest.dropFirst(2)
                    continue
                }
                if character == "\"" || character.isNewline { isInText = false }
                out.append(character)
            } else if rest.hasPrefix("//") {
                rest = rest.drop { !$0.isNewline }
                continue
            } else if rest.hasPrefix("/*") {
                depth = 1
                rest = rest.dropFirst(2)
                out.append(" ")
                continue
            } else {
                if character == "\"" { isInText = true }
                out.append(character)
            }
            rest = rest.dropFirst()
        }
        return out
    }

    private static func module(of path: String) -> String? {
        let parts = path.split(separator: "/")
        return parts.first == "Sources" && parts.count > 2 ? String(parts[1]) : nil
    }

    private static func isOurs(_ module: String, _ plugins: [String: String]) -> Bool {
        arrows[module] != nil || ["Host", "CLibCurl", "CLibYAML", "CCrashMark", "CMalloc", "CVector"].contains(module)
            || plugins.values.contains(module)
    }

    private static func isAllowed(_ imported: String, _ home: String?, _ path: String, _ plugins: [String: String]) -> Bool {
        if path.hasPrefix("Plugins/") {
            if imported == "PluginAPI" { return true }
            // One vendor's wire code, shared by that vendor's plugins.
            let isShared = plugins.contains { $0.value == imported && $0.key.hasPrefix("Plugins/Shared/") }
            return isShared && !path.hasPrefix("Plugins/Shared/")
        }
        guard let home else { return false }
        // The programs at the top put together what they like.
        if home == "Host" || home == "Bench" { return true }
        return arrows[home]?.contains(imported) ?? false
    }

    private static func hasWord(_ word: String, _ code: String) -> Bool {
        var rest = code[...]
        while let range = rest.range(of: word, options: .caseInsensitive) {
            let before = range.lowerBound > code.startIndex ? code[code.index(before: range.lowerBound)] : " "
            let after = range.upperBound < code.endIndex ? code[range.upperBound] : " "
            if !before.isLetter && !after.isLetter { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }
}

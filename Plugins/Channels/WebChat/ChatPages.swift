import Crypto
import Foundation
import HTTPTypes
import PluginAPI
import WebChatResources

/// The page and its two assets, made once: what a request costs is a comparison of tags.
enum ChatPages {
    /// The greetings of a hotel that has set none.
    static let greetings = [
        "en": "Welcome to {hotel}! I am Jack, the hotel's digital butler. Ask about breakfast, the Wi-Fi or anything else, or say what you need.",
        "de": "Willkommen im {hotel}! Ich bin Jack, der digitale Butler des Hauses. Fragen Sie nach dem Frühstück, dem WLAN oder nach allem "
            + "anderen, oder sagen Sie, was Sie brauchen.",
        "es": "¡Le damos la bienvenida a {hotel}! Soy Jack, el mayordomo digital del hotel. Pregunte por el desayuno, el wifi o lo que desee, "
            + "o diga qué necesita.",
        "fr": "Bienvenue à {hotel} ! Je suis Jack, le majordome numérique de l’hôtel. Posez vos questions sur le petit-déjeuner, le Wi-Fi ou "
            + "tout autre sujet, ou dites ce dont vous avez besoin.",
    ]

    static func routes(settings: WebChatSettings, property: PropertyInfo) -> [PluginRoute] {
        let texts = greetings.merging(settings.welcome.map { ($0.key.replacing("_", with: "-"), $0.value) }) { $1 }
        let languages = languages(of: property, with: texts)
        let template = String(decoding: [UInt8](embedded: jack_index_html), as: UTF8.self)
        let socket = relative(settings.socketPath, from: settings.path), assets = relative(settings.assetsPath, from: settings.path)
        let pages = languages.map { language, welcome in
            let body = render(
                template,
                [
                    "hotel": property.name, "locale": language, "welcome": welcome.replacing("{hotel}", with: property.name),
                    "socket": socket, "assets": assets.hasSuffix("/") ? String(assets.dropLast()) : assets,
                ])
            return (
                language: language,
                file: File(
                    Array(body.utf8), type: "text/html; charset=utf-8", caching: "no-cache",
                    [.contentLanguage: language, .vary: "Accept-Language"])
            )
        }
        let page = PageRoute(path: settings.path) { request in
            let wanted =
                [request.queryValue("lang")].compactMap { $0.flatMap(LanguageTag.parse) }
                + LanguageTag.accepted(request.headers[.acceptLanguage] ?? "")
            let language = LanguageTag.best(wanted: wanted, available: pages.map(\.language))
            // The first is the hotel's own.
            let chosen = pages.first { $0.language == language } ?? pages[0]
            return chosen.file.response(to: request)
        }
        let style = File([UInt8](embedded: jack_chat_css), type: "text/css; charset=utf-8", caching: "public, max-age=600")
        let script = File([UInt8](embedded: jack_chat_js), type: "text/javascript; charset=utf-8", caching: "public, max-age=600")
        return [
            .page(page),
            .page(PageRoute(path: WebChatSettings.join(settings.assetsPath, "chat.css")) { style.response(to: $0) }),
            .page(PageRoute(path: WebChatSettings.join(settings.assetsPath, "chat.js")) { script.response(to: $0) }),
        ]
    }

    /// The hotel's languages that have a greeting, the hotel's first one first; English where none has. Never empty.
    private static func languages(of property: PropertyInfo, with texts: [String: String]) -> [(String, String)] {
        var found: [(String, String)] = []
        for language in [property.locale] + property.languages where !found.contains(where: { $0.0 == language }) {
            if let text = texts[language] ?? texts[LanguageTag.root(language)] { found.append((language, text)) }
        }
        return found.isEmpty ? [("en", texts["en"] ?? "")] : found
    }

    /// Replaces each `{{name}}` by its escaped value, in one pass: a value that looks like a placeholder stays as it is.
    static func render(_ template: String, _ values: [String: String]) -> String {
        var result = "", rest = template[...]
        while let start = rest.range(of: "{{"), let end = rest[start.upperBound...].range(of: "}}") {
            let name = String(rest[start.upperBound..<end.lowerBound])
            result += rest[..<start.lowerBound]
            if let value = values[name] { result += escaped(value) } else { result += rest[start.lowerBound..<end.upperBound] }
            rest = rest[end.upperBound...]
        }
        return result + rest
    }

    /// A text for HTML, also within an attribute in quotes.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A path as the page must say it, so that it also holds where a proxy serves Jack below a prefix.
    static func relative(_ path: String, from page: String) -> String {
        let depth = page.dropFirst().count { $0 == "/" }
        let target = path.dropFirst()
        let steps = String(repeating: "../", count: depth)
        // An empty reference would mean the page itself.
        return target.isEmpty && steps.isEmpty ? "." : steps + target
    }

    /// Something that is served as it is.
    private struct File: Sendable {
        let body: [UInt8]
        let headers: HTTPFields
        let tag: String

        init(_ body: [UInt8], type: String, caching: String, _ more: HTTPFields = [:]) {
            self.body = body
            tag = "\"" + SHA256.hash(data: body).prefix(12).map { String(format: "%02x", $0) }.joined() + "\""
            var headers = more
            headers[.contentType] = type
            headers[.cacheControl] = caching
            headers[.eTag] = tag
            self.headers = headers
        }

        func response(to request: PluginRequest) -> PluginResponse {
            // RFC 9110, 13.1.2: the comparison is weak.
            let known = request.headers[.ifNoneMatch]?.split(separator: ",").contains { entry in
                let entry = entry.trimmingCharacters(in: .whitespaces)
                return entry == "*" || entry == tag || entry == "W/" + tag
            }
            guard known == true else { return PluginResponse(.ok, headers: headers, body: body) }
            var headers = headers
            headers[.contentType] = nil
            return PluginResponse(.notModified, headers: headers)
        }
    }
}

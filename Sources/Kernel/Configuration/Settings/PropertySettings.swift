import Foundation
import PluginAPI

/// `property:` in `jack.yaml`: the hotel.
public struct PropertySettings: PluginSettings {
    @Setting(help: "The key that every row of the hotel carries; never change it.", .name, advanced: true) public var id: String = "main"
    @Setting(help: "The name that guests see.", .notEmpty, example: "Hotel Miramar") public var name: String
    @Setting(help: "The hotel's IANA time zone.", .timeZone, example: "Europe/Lisbon") public var timezone: String
    @Setting(help: "The hotel's first language, a BCP 47 tag.", .languageTag) public var locale: String = "en"
    @Setting(help: "The other languages that the hotel writes.", .each(.languageTag), example: "[de, es, fr]") public var languages: [String] = []
    @Setting(help: "The URL under which guests and vendors reach Jack.", .ifSet(.url), example: "https://jack.example.com") public var publicURL:
        String?

    public init() {}

    /// The hotel as plugins see it.
    public var info: PropertyInfo {
        let all = [locale] + languages.filter { $0 != locale }
        let url = publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        return PropertyInfo(id: id, name: name, locale: locale, languages: all, timeZone: timezone, publicURL: url)
    }
}

extension SettingConstraint where Value == String {
    /// A lower-case name of letters, digits and hyphens.
    static var name: SettingConstraint {
        SettingConstraint("lower-case letters, digits and hyphens, a letter first", schema: ["pattern": "^[a-z][a-z0-9-]*$"]) {
            InstanceName.isValid($0) ? nil : "“\($0)” is not a name"
        }
    }

    /// A time zone that the system's database has.
    static var timeZone: SettingConstraint {
        SettingConstraint("an IANA time zone such as Europe/Lisbon") { name in
            if TimeZone(identifier: name)?.identifier == name { return nil }
            let near = Suggestion.nearest(to: name, among: TimeZone.knownTimeZoneIdentifiers.sorted())
            return "“\(name)” is no time zone that this system knows" + (near.map { " (did you mean “\($0)”?)" } ?? "")
        }
    }

    /// A BCP 47 language tag by its form.
    static var languageTag: SettingConstraint {
        SettingConstraint("a language tag such as en or pt-BR", schema: ["pattern": "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"]) { tag in
            let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
            let isPlain = tag.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            let isTag =
                isPlain && (2...3).contains(parts[0].count) && parts[0].allSatisfy(\.isLetter)
                && parts.dropFirst().allSatisfy { (2...8).contains($0.count) }
            return isTag ? nil : "“\(tag)” is not a language tag"
        }
    }
}

extension SettingConstraint {
    /// A constraint on each item of a list.
    static func each<Element>(_ constraint: SettingConstraint<Element>) -> SettingConstraint where Value == [Element] {
        SettingConstraint("each " + constraint.words, schema: ["items": .object(constraint.schema)]) { $0.lazy.compactMap(constraint.problem).first }
    }
}

/// What an instance may be called.
enum InstanceName {
    static func isValid(_ name: String) -> Bool {
        guard let first = name.first, first.isASCII, first.isLowercase, name.count <= 64 else { return false }
        return name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
    }
}

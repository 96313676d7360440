import HTTPTypes

extension HTTPField.Name {
    /// The name of a header that the code itself writes down: a slip in it is found by the first test that meets it.
    public static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("“\(name)” is no header's name") }
        return name
    }
}

extension ValidationReport {
    /// Finds what is wrong with headers that the operator sets.
    /// - Parameters:
    ///   - key: the setting that holds them.
    ///   - reserved: names, in lower case, that are the plugin's own or the connection's.
    public mutating func check(headers: [String: Secret], key: String = "headers", reserved: Set<String>) {
        for name in headers.keys.sorted() {
            if HTTPField.Name(name) == nil || name.hasPrefix(":") {
                error("\(key).\(name)", "“\(name)” is not the name of a header")
            } else if reserved.contains(name.lowercased()) {
                error("\(key).\(name)", "the header “\(name)” is set by Jack", remedy: "leave it out")
            } else if headers[name].map({ !HTTPField.isValidValue($0.reveal()) }) ?? false {
                error("\(key).\(name)", "its value holds characters that no header can, such as a line break")
            }
        }
    }
}

extension HTTPFields {
    /// The headers that the operator sets; see ``ValidationReport/check(headers:key:reserved:)``.
    public init(_ settings: [String: Secret]) {
        self.init(settings.compactMap { name, value in HTTPField.Name(name).map { HTTPField(name: $0, value: value.reveal()) } })
    }
}

import HTTPTypes

/// Headers that every response carries, so that a browser helps against what a page might be made to do.
enum SecurityHeaders {
    static let always: HTTPFields = [
        .contentSecurityPolicy:
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        .xContentTypeOptions: "nosniff",
        .xFrameOptions: "DENY",
        .referrerPolicy: "no-referrer",
        .permissionsPolicy: "camera=(), microphone=(), geolocation=()",
    ]

    /// Adds what the response has not set itself.
    static func add(to headers: inout HTTPFields, scheme: String) {
        for field in always where headers[field.name] == nil { headers.append(field) }
        if scheme == "https" { headers[.strictTransportSecurity] = "max-age=31536000" }
    }
}

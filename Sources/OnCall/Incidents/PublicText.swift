import Foundation

/// Takes out of a text what must not stand in a document that is handed on: addresses, numbers of telephones, keys and what follows a question mark in a link.
enum PublicText {
    static func clean(_ text: String) -> String {
        var text = text.replacing(#/(?i)\b(password|passwd|secret|token|api[_-]?key)\s*[:=]\s*[^\s,;]+/#) { "\($0.1): (left out)" }
        text = text.replacing(#/(?i)\bbearer\s+[^\s,;]+/#) { _ in "bearer (left out)" }
        text = text.replacing(#/(https?://[^\s?#]+)[?#][^\s]*/#) { "\($0.1)?(left out)" }
        text = text.replacing(#/[^\s@<>(),;:|"]+@[^\s@<>(),;:|"]+\.[A-Za-z]{2,}/#) { _ in "(address left out)" }
        text = text.replacing(#/\+\d[\d \-().]{5,}\d|\b\d{9,}\b/#) { _ in "(number left out)" }
        return text.replacing(#/\b[A-Za-z0-9_\-]{32,}\b/#) { _ in "(left out)" }
    }

    /// One line, fit for a cell of a Markdown table.
    static func cell(_ text: String) -> String {
        clean(text).replacing("\\", with: "\\\\").replacing("|", with: "\\|").replacing("<", with: "&lt;").replacing(#/\s+/#, with: " ")
    }
}

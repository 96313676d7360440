import Foundation
import HTTPTypes
import PluginAPI

/// Meta's error object, as the Graph API answers it and as webhooks carry it.
struct GraphError: Decodable, Sendable {
    struct Details: Decodable, Sendable {
        var details: String?
    }

    var code: Int
    var subcode: Int?
    /// A short name of the code; only webhooks have it.
    var title: String?
    var details: String?
    var isTransient: Bool

    private enum Key: String, CodingKey {
        case code, title, details
        case subcode = "error_subcode"
        case data = "error_data"
        case isTransient = "is_transient"
    }

    init(code: Int, subcode: Int? = nil, title: String? = nil, details: String? = nil, isTransient: Bool = false) {
        (self.code, self.subcode, self.title, self.details, self.isTransient) = (code, subcode, title, details, isTransient)
    }

    /// Every field but the code may be missing or of another type.
    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        code = try values.decode(Int.self, forKey: .code)
        subcode = try? values.decodeIfPresent(Int.self, forKey: .subcode)
        title = try? values.decodeIfPresent(String.self, forKey: .title)
        let data = try? values.decodeIfPresent(Details.self, forKey: .data)
        details = data?.details ?? (try? values.decodeIfPresent(String.self, forKey: .details))
        isTransient = (try? values.decodeIfPresent(Bool.self, forKey: .isTransient)) ?? false
    }

    private struct Envelope: Decodable {
        var error: GraphError
    }

    /// The error in an answer's body; nil where there is none.
    static func read(_ body: [UInt8]) -> GraphError? {
        // A success is by far the most frequent answer, and need not be decoded twice.
        guard body.count < 1 << 20, body.firstRange(of: Array(#""error""#.utf8)) != nil else { return nil }
        return try? JSONDecoder().decode(Envelope.self, from: Data(body)).error
    }

    /// `131047`, or `190/463` with the subcode: how messages name it.
    var number: String { subcode.map { "\(code)/\($0)" } ?? "\(code)" }
}

extension GraphError {
    /// What was asked of Meta: the same code means different things of different requests.
    enum Request: Sendable { case send, media, probe }

    /// The failure that the error means.
    /// - Parameters:
    ///   - response: the answer that carried it; nil for an error in a webhook.
    ///   - asked: how long Meta asks to wait.
    func failure(_ request: Request, response: ClientResponse? = nil, asked: Duration? = nil, now: any TimeSource) -> PluginFailure {
        if let meaning = GraphMeaning.of(self, request) {
            let message =
                "WhatsApp \(number): \(meaning.message)" + (meaning.showsDetails ? GraphWords.redacted(details).map { " (\($0))" } ?? "" : "")
            return PluginFailure(meaning.disposition, meaning.reason, message, retryAfter: asked ?? meaning.wait)
        }
        let generic = response?.failure(from: "WhatsApp", now: now)
        let unknown = "WhatsApp error \(number), which this version of Jack does not know" + (response.map { " (HTTP \($0.status.code))" } ?? "")
        if isTransient { return .notReady(.vendorFault, unknown, retryAfter: asked) }
        guard let generic else { return .permanent(.invalidRequest, unknown) }
        return PluginFailure(generic.disposition, generic.reason, unknown, retryAfter: asked ?? generic.retryAfter)
    }
}

/// Meta's own words, fit to be shown.
enum GraphWords {
    /// The words without what may be a phone number, a token or a quotation, at most 160 characters; nil where nothing is left.
    static func redacted(_ words: String?) -> String? {
        guard let words else { return nil }
        var kept: [Substring] = [], run: [Substring] = [], isQuoted = false, isSecret = false
        // Numbers that follow each other are one: "+49 170 12 34".
        func endRun() {
            let digits = run.reduce(0) { $0 + $1.count(where: \.isNumber) }
            kept += isSecret || digits > 5 ? ["…"] : run
            (run, isSecret) = ([], false)
        }
        for word in words.prefix(600).split(whereSeparator: \.isWhitespace) {
            let quotes = word.count { "\"“”«»".contains($0) }, digits = word.count(where: \.isNumber)
            let isNumber = digits > 0 && word.allSatisfy { $0.isNumber || "+-()./,".contains($0) }
            let isHidden = isQuoted || quotes > 0 || word.count > 24 || (!isNumber && digits > 3)
            if !quotes.isMultiple(of: 2) { isQuoted.toggle() }
            if isHidden || isNumber {
                run.append(word)
                isSecret = isSecret || isHidden
            } else {
                if !run.isEmpty { endRun() }
                kept.append(word)
            }
        }
        if !run.isEmpty { endRun() }
        let text = kept.joined(separator: " ").prefix(160)
        return text.contains(where: \.isLetter) ? String(text) : nil
    }
}
